/** HTML from templates in which every inserted text is escaped, so that none can be forgotten. */

/** Text that is HTML already. Only `html` makes it. */
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

/** A template whose insertions are escaped, but for those that are Html themselves; lists of Html are joined. */
export function html(strings: TemplateStringsArray, ...insertions: Insertion[]): Html {
  const parts = strings.map((text, i) => {
    const insertion = insertions[i];
    return insertion === undefined ? text : text + insert(insertion);
  });
  return { markup: parts.join('') };
}

/** Escaped for element content and quoted attributes. Control characters, which HTML forbids, become U+FFFD. */
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
