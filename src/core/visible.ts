/** Text of others on its way to a terminal, where control characters are commands. */

/** C0, DEL and C1 (U+009B begins a sequence as ESC [ does), line separators, and what turns the direction of writing. */
const COMMANDS = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;

/** In one line: every control character as an escape, ESC as `\x1b`. Ids, keys, names of files and what was found in them. */
export function visible(text: string): string {
  return text.replace(COMMANDS, escaped);
}

/** The same of a text whose lines and tabs are meant. Whatever is printed passes this or `visibleJson`. */
export function visibleLines(text: string): string {
  return text.replace(COMMANDS, (character) => (/[\n\t]/.test(character) ? character : escaped(character)));
}

/** JSON of the same meaning: what JSON.stringify leaves as it is becomes an escape of JSON's own. */
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
