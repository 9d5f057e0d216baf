/** config.json: the settings of a training run, and a file that another one can be given (--config). */
import { parse } from 'yaml';
import { InputError } from '../core/errors.ts';
import { SAMPLE_LENGTH } from '../core/strain.ts';
import { acceptSetting, type GivenSettings, SETTING_NAMES, type Settings } from '../training/settings.ts';

/** What a run says besides its settings. */
interface RunFacts {
  /** Points of one detector's strain. */
  n_samples: number;
  /** What the records were made by. */
  recipe_hash: string;
  psd_sha256: string;
  /** Where they lay, as describeLocation gives it. */
  records: string;
}

export type RunConfig = Settings & RunFacts;

/** The keys that other programs read. */
const COMMON = ['n_samples', 'learning_rate', 'dropout_rate', 'epochs', 'batch_size'] as const;
const FACTS = ['n_samples', 'recipe_hash', 'psd_sha256', 'records'] as const;

/** Largest file that is read [bytes]; a config.json has 1 KB. */
export const CONFIG_LIMIT = 1 << 16;

/** The text of config.json. */
export function serializeConfig(config: RunConfig): string {
  const keys = new Set([...COMMON, ...SETTING_NAMES, ...FACTS]);
  return `${JSON.stringify(Object.fromEntries([...keys].map((key) => [key, config[key]])), null, 2)}\n`;
}

/**
 * The settings in a file, JSON or YAML, of at most CONFIG_LIMIT bytes: those of a finished run, or some that a user has
 * written down.
 *
 * Throws InputError when it is neither, a key is unknown, or a value isn't what its setting needs.
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
      throw new InputError({ object, found, needed: `keys out of ${SETTING_NAMES.join(', ')}` });
    try {
      acceptSetting(given, name, value);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new InputError({ object, found, needed: error.message }, { cause: error });
    }
  }
  return given;
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
    // JSON is YAML too. Aliases could refer to themselves, and settings need none.
    // Warnings would be printed by Node; what they are about is refused below.
    value = parse(text, { maxAliasCount: 0, logLevel: 'error' });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('\n')[0] : '';
    throw new InputError(
      { object, found: `text that can't be read (${reason})`, needed: 'JSON or YAML' },
      { cause },
    );
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw new InputError({ object, found: excerpt(value), needed: 'names of settings and their values' });
}

function excerpt(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}
