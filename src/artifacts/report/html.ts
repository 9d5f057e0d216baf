/** HTML templates that escape every inserted text, so no call can forget to. */

/** Text that is already HTML. Only `html` makes it. */
export interface Html {
  readonly markup: string;
}

type Insertion = string | number | Html | readonly Html[];

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** A template tag. It escapes all insertions except Html, and joins lists of Html. */
export function html(strings: TemplateStringsArray, ...insertions: Insertion[]): Html {
  const parts = strings.map((text, i) => {
    const insertion = insertions[i];
    return insertion === undefined ? text : text + insert(insertion);
  });
  return { markup: parts.join('') };
}

/** Escapes text for element content and quoted attributes. Control characters, which HTML forbids, become U+FFFD. */
export function escapeHtml(text: string): string {
  return text
    .replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
    .replace(/\p{Cc}/gu, (character) => (/[\t\n\r]/.test(character) ? character : '\ufffd'));
}

function insert(insertion: Insertion): string {
  if (typeof insertion === 'string') return escapeHtml(insertion);
  if (typeof insertion === 'number') return String(insertion);
  if ('markup' in insertion) return insertion.markup;
  return insertion.map(({ markup }) => markup).join('\n');
}
