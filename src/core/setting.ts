/**
 * Declared settings. A table of them is the one place that says what a setting may be; its flag, its environment variable, its
 * check and its message follow from the declaration.
 */
import { SettingError } from './errors.ts';

export interface Setting<T> {
  help: string;
  /** A value in short, for a command's help: `n`, `plateau|cosine`. */
  form: string;
  /** The accepted values, for messages. */
  needed: string;
  accepts(value: unknown): value is T;
  /** The value of a flag's or variable's text. It may be unacceptable. */
  parse(text: string): unknown;
}

/** A whole number, ends included. */
export function whole(help: string, least: number, most: number): Setting<number> {
  return {
    help,
    form: 'n',
    needed: `a whole number from ${least} to ${most}`,
    accepts: (value): value is number => Number.isInteger(value) && isBetween(value, least, most),
    parse: (text) => (/^\d+$/.test(text) ? Number(text) : text),
  };
}

/** A number, ends included. */
export function real(help: string, least: number, most: number): Setting<number> {
  return {
    help,
    form: 'n',
    needed: `a number from ${least} to ${most}`,
    accepts: (value): value is number => isBetween(value, least, most),
    parse: toNumber,
  };
}

/** A share of something: `1%` or `0.01`. */
export function share(help: string): Setting<number> {
  return {
    help,
    form: 'share',
    needed: 'a share such as 1% or 0.01, from 0 to 1',
    accepts: (value): value is number => isBetween(value, 0, 1),
    parse: (text) => {
      const value = toNumber(text.replace(/%$/, ''));
      if (typeof value === 'string') return text;
      return text.endsWith('%') ? value / 100 : value;
    },
  };
}

export function choice<const T extends string>(help: string, values: readonly T[]): Setting<T> {
  return {
    help,
    form: values.join('|'),
    needed: values.join(', ').replace(/, (?=[^,]*$)/, ' or '),
    accepts: (value): value is T => values.some((known) => known === value),
    parse: (text) => text,
  };
}

/** A text that matches a regular expression, such as a name. */
export function pattern(help: string, form: string, expression: RegExp, needed: string): Setting<string> {
  return {
    help,
    form,
    needed,
    accepts: (value): value is string => typeof value === 'string' && expression.test(value),
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
    form: 'on|off',
    needed: 'on or off (true or false in a file)',
    accepts: (value): value is boolean => typeof value === 'boolean',
    parse: (text) => words.get(text.toLowerCase()) ?? text,
  };
}

/** The number that the text is, or else the text. */
function toNumber(text: string): number | string {
  return text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text);
}

function isBetween(value: unknown, least: number, most: number): boolean {
  return typeof value === 'number' && value >= least && value <= most;
}

export type Table = Readonly<Record<string, Setting<unknown>>>;

/** The values of a table's settings. */
export type ValuesOf<T> = { [K in keyof T]: T[K] extends Setting<infer Value> ? Value : never };

/** `--shard-size` for shardSize, `--batch-size` for batch_size. */
export function flagOf(name: string): string {
  return `--${wordsOf(name).join('-')}`;
}

/** `SHARD_SIZE` for shardSize, `BATCH_SIZE` for batch_size. */
export function variableOf(name: string): string {
  return wordsOf(name).join('_').toUpperCase();
}

function wordsOf(name: string): string[] {
  return name.split(/_|(?=[A-Z])/).map((word) => word.toLowerCase());
}

/** The value, if the setting accepts it. Otherwise throws SettingError with the setting's `name` and the value as `given`. */
export function requireAccepted<T>(setting: Setting<T>, value: unknown, name: string, given = value): T {
  if (setting.accepts(value)) return value;
  const found = given === undefined ? 'not set' : JSON.stringify(given);
  throw new SettingError(`${name} is ${found}, needed ${setting.needed}`);
}

/** Reads a table's settings from environment variables. Throws SettingError, which names the variable, for a wrong or missing one. */
export function readVariables<T extends Table>(table: T, environment: NodeJS.ProcessEnv): ValuesOf<T> {
  const values = Object.entries(table).map(([name, setting]) => {
    const variable = variableOf(name);
    const text = environment[variable];
    const value = text === undefined ? undefined : setting.parse(text);
    return [name, requireAccepted(setting, value, `the environment variable ${variable}`, text)];
  });
  return Object.fromEntries(values);
}
