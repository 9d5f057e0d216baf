/** config.json: the settings of a training, which another training can read with --config. */
import { parse } from 'yaml';
import { InputError } from '../core/errors.ts';
import type { Setting } from '../core/setting.ts';
import { SAMPLE_LENGTH } from '../core/strain.ts';
import { type GivenSettings, SETTING_NAMES, SETTINGS, type Settings } from '../training/settings.ts';

/** Facts about a training that are not settings. */
interface RunFacts {
  /** Type that convolutions computed in: `precision` mixed is another one on each kind of device. */
  compute_dtype: 'float32' | 'bfloat16' | 'float16';
  /** GPUs that shared each batch, each of which normalized by its own share; 0 on a CPU. */
  n_gpus: number;
  /** Length of one detector's strain [points]. */
  n_samples: number;
  /** Recipe and PSD that the records were made with. */
  recipe_hash: string;
  psd_sha256: string;
  /** Location of the records, from describeLocation. */
  records: string;
  /** Location of the signals that were injected into their noise, from describeLocation. */
  signals?: string;
  /** Location of the weights that the training started from, from describeLocation. */
  init?: string;
}

export type RunConfig = Settings & RunFacts;

/** The keys that other programs read. */
const COMMON = ['n_samples', 'learning_rate', 'dropout_rate', 'epochs', 'batch_size'] as const;
const FACTS = [
  'n_samples',
  'compute_dtype',
  'n_gpus',
  'recipe_hash',
  'psd_sha256',
  'records',
  'signals',
  'init',
] as const;

/** Size limit of a config file [bytes]; a config.json has 1 KB. */
export const CONFIG_LIMIT = 1 << 16;

/** The text of config.json. */
export function serializeConfig(config: RunConfig): string {
  const keys = new Set([...COMMON, ...SETTING_NAMES, ...FACTS]);
  return `${JSON.stringify(Object.fromEntries([...keys].map((key) => [key, config[key]])), null, 2)}\n`;
}

/**
 * Parses settings in JSON or YAML: the config.json of a finished training, or a file written by a user. The caller limits the
 * text to CONFIG_LIMIT bytes.
 *
 * Throws InputError when the text is neither JSON nor YAML, a key is unknown, or a value is invalid for its setting.
 */
export function parseConfig(text: string, object: string): GivenSettings {
  const given: GivenSettings = {};
  for (const [key, value] of Object.entries(parseObject(text, object))) {
    const found = `${key} = ${excerpt(value)}`;
    if (key === 'n_samples' && value !== SAMPLE_LENGTH)
      throw new InputError({ object, found, needed: String(SAMPLE_LENGTH) });
    if (FACTS.some((fact) => fact === key)) continue;
    const name = SETTING_NAMES.find((known) => known === key);
    if (name === undefined)
      throw new InputError({ object, found, needed: `only the keys ${SETTING_NAMES.join(', ')}` });
    const setting: Setting<unknown> = SETTINGS[name];
    if (!setting.accepts(value)) throw new InputError({ object, found, needed: setting.needed });
    Object.assign(given, { [name]: value });
  }
  return given;
}

/**
 * Parses the config.json of a training, with its facts. One of an earlier version may lack keys. Throws as parseConfig does, and
 * for a fact that is neither text nor a number.
 */
export function parseRunConfig(text: string, object: string): Partial<RunConfig> {
  const given = parseObject(text, object);
  const facts = FACTS.flatMap((name) => {
    const value = given[name];
    if (value === undefined) return [];
    if (typeof value !== 'string' && typeof value !== 'number')
      throw new InputError({ object, found: `${name} = ${excerpt(value)}`, needed: 'text or a number' });
    return [[name, value] as const];
  });
  return { ...parseConfig(text, object), ...Object.fromEntries(facts) };
}

/**
 * A location that may be published. An s3:// location stays as it is. Of a folder only the last part is kept, since the rest of
 * the path reveals facts about the machine and its owner, and means nothing elsewhere.
 */
export function describeLocation(location: string): string {
  if (location.startsWith('s3://')) return location;
  return location.split(/[\\/]+/).findLast((part) => part !== '' && part !== '.') ?? '.';
}

function parseObject(text: string, object: string): Record<string, unknown> {
  let value: unknown;
  try {
    // JSON is also YAML. Aliases could be recursive, and settings need none.
    // Node would print YAML warnings; their causes are refused below.
    value = parse(text, { maxAliasCount: 0, logLevel: 'error' });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('\n')[0] : '';
    throw new InputError(
      { object, found: `text that can't be parsed (${reason})`, needed: 'JSON or YAML' },
      { cause },
    );
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw new InputError({ object, found: excerpt(value), needed: 'an object of settings and their values' });
}

function excerpt(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}
