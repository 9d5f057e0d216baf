/**
 * Makes untrusted text safe for a terminal, which executes control characters: ids, keys, file names, and output of other
 * programs. Everything that is printed passes through cli/terminal.ts, which calls these functions.
 */

/** C0, DEL and C1 (U+009B starts a sequence as ESC [ does), line separators, and controls of the writing direction. */
const COMMANDS = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;

/** One line: every control character becomes an escape, such as `\x1b` for ESC. */
export function visible(text: string): string {
  return text.replace(COMMANDS, escaped);
}

/** Like `visible`, but keeps line breaks and tabs. */
export function visibleLines(text: string): string {
  return text.replace(COMMANDS, (character) => (/[\n\t]/.test(character) ? character : escaped(character)));
}

/** Equivalent JSON: control characters that JSON.stringify keeps become JSON escapes. */
export function visibleJson(value: unknown): string {
  const text = JSON.stringify(value, undefined, 2);
  return text.replace(COMMANDS, (character) => (character === '\n' ? character : `\\u${hex(character, 4)}`));
}

function escaped(character: string): string {
  return character < '\u0100' ? `\\x${hex(character, 2)}` : `\\u${hex(character, 4)}`;
}

function hex(character: string, digits: number): string {
  return character.charCodeAt(0).toString(16).padStart(digits, '0');
}
