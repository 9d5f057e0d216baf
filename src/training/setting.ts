/** One setting: what it may be, and how it is read from the text of a flag or of an environment variable. */
export interface Setting<T> {
  help: string;
  /** What it may be, for messages. */
  needed: string;
  accepts(value: unknown): value is T;
  /** The value that the text means, which needn't be an acceptable one. */
  parse(text: string): unknown;
}

/** Ends included. */
export function whole(help: string, least: number, most: number): Setting<number> {
  return {
    help,
    needed: `a whole number from ${least} to ${most}`,
    accepts: (value): value is number => Number.isInteger(value) && isBetween(value, least, most),
    parse: (text) => (/^\d+$/.test(text) ? Number(text) : text),
  };
}

/** Ends included. */
export function real(help: string, least: number, most: number): Setting<number> {
  return {
    help,
    needed: `a number from ${least} to ${most}`,
    accepts: (value): value is number => isBetween(value, least, most),
    parse: (text) => (text.trim() === '' ? text : Number(text)),
  };
}

export function choice<const T extends string>(help: string, values: readonly T[]): Setting<T> {
  return {
    help,
    needed: values.join(' or '),
    accepts: (value): value is T => values.some((known) => known === value),
    parse: (text) => text,
  };
}

export function onOff(help: string): Setting<boolean> {
  const words = new Map<string, boolean>([
    ['on', true],
    ['true', true],
    ['off', false],
    ['false', false],
  ]);
  return {
    help,
    needed: 'on or off (true or false in a file)',
    accepts: (value): value is boolean => typeof value === 'boolean',
    parse: (text) => words.get(text.toLowerCase()) ?? text,
  };
}

function isBetween(value: unknown, least: number, most: number): boolean {
  return typeof value === 'number' && value >= least && value <= most;
}
