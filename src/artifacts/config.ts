/** config.json: the settings of a training run. The first five keys are those that other programs read. */
import { InputError } from '../errors.ts';

/** What every config.json holds, ours or another program's. */
export interface Hyperparameters {
  /** Points of one detector's strain. */
  n_samples: number;
  learning_rate: number;
  /** In [0, 1). */
  dropout_rate: number;
  /** The most epochs that the fit might take. */
  epochs: number;
  batch_size: number;
}

/** What ours add. */
export interface RunSettings {
  seed: number;
  /** Share of the records, from the first on, that was kept for validation; in (0, 1). */
  validation_split: number;
  preset: string;
  /** What the records were made by. */
  recipe_hash: string;
  psd_sha256: string;
  /** Where they lay, as describeLocation gives it. */
  records: string;
}

export type RunConfig = Hyperparameters & RunSettings;
/** A config.json as read: our own, or one with the first five keys only. */
export type ReadConfig = Hyperparameters & Partial<RunSettings>;

const REQUIRED = ['n_samples', 'learning_rate', 'dropout_rate', 'epochs', 'batch_size'] as const;
const NUMBERS = ['seed', 'validation_split'] as const;
const STRINGS = ['preset', 'recipe_hash', 'psd_sha256', 'records'] as const;

/** The text of config.json. */
export function serializeConfig(config: RunConfig): string {
  const ordered: Record<string, number | string> = {};
  for (const key of [...REQUIRED, ...NUMBERS, ...STRINGS]) ordered[key] = config[key];
  return `${JSON.stringify(ordered, null, 2)}\n`;
}

/**
 * Reads config.json. Keys that are not known are left out.
 *
 * @throws InputError when it isn't JSON, one of the first five keys is missing, or a value has another type.
 */
export function parseConfig(text: string, object: string): ReadConfig {
  const values = parseObject(text, object);
  const number = (key: string): number => {
    const value = values[key];
    if (typeof value === 'number') return value;
    throw new InputError({ object, found: `${key} = ${excerpt(value)}`, needed: 'a number' });
  };
  const string = (key: string): string => {
    const value = values[key];
    if (typeof value === 'string') return value;
    throw new InputError({ object, found: `${key} = ${excerpt(value)}`, needed: 'a string' });
  };
  const config: ReadConfig = {
    n_samples: number('n_samples'),
    learning_rate: number('learning_rate'),
    dropout_rate: number('dropout_rate'),
    epochs: number('epochs'),
    batch_size: number('batch_size'),
  };
  for (const key of NUMBERS) if (key in values) config[key] = number(key);
  for (const key of STRINGS) if (key in values) config[key] = string(key);
  return config;
}

/**
 * A location that may be published: an s3:// one as it is, of a folder its last part only, since the rest of a
 * path tells about the machine and its owner and means nothing elsewhere.
 */
export function describeLocation(location: string): string {
  if (location.startsWith('s3://')) return location;
  return location.split(/[\\/]+/).findLast((part) => part !== '' && part !== '.') ?? '.';
}

function parseObject(text: string, object: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new InputError({ object, found: excerpt(text), needed: 'JSON' }, { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new InputError({ object, found: excerpt(value), needed: 'a JSON object' });
  }
  return { ...value };
}

function excerpt(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}
