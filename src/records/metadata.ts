import { InputError } from '../core/errors.ts';
import { DETECTORS, SAMPLE_LENGTH } from '../core/strain.ts';
import type { RecordDType } from './record-dtype.ts';
import { isAddedShardName, shardName } from './shard.ts';

export const METADATA_KEY = 'metadata.json';

interface ShardEntry {
  name: string;
  n_records: number;
  bytes: number;
  /** Of the shard's bytes; in hex, like all hashes here. */
  sha256: string;
}

/** metadata.json, which describes the shards of a finished run. The first four keys are the reference's. */
export interface Metadata {
  n_samples: number;
  n_failed: number;
  signal_shape: [number, number];
  dtype: RecordDType;
  dataset: string;
  /** All parameters of the signal path. */
  recipe: Readonly<Record<string, unknown>>;
  recipe_hash: string;
  psd_sha256: string;
  labels_sha256: string;
  plan_hash: string;
  shards: ShardEntry[];
  software: { name: string; version: string };
}

/** Largest metadata.json that is read [bytes]: enough for 300,000 shards. */
export const METADATA_LIMIT = 1 << 26;

/** The file's text. It doesn't depend on the order of the keys in `metadata`. */
export function serializeMetadata(metadata: Metadata): string {
  const { n_samples, n_failed, signal_shape, dtype, dataset, recipe, recipe_hash, psd_sha256 } = metadata;
  const { labels_sha256, plan_hash, shards, software } = metadata;
  const ordered: Metadata = {
    n_samples,
    n_failed,
    signal_shape,
    dtype,
    dataset,
    recipe,
    recipe_hash,
    psd_sha256,
    labels_sha256,
    plan_hash,
    shards: shards.map(({ name, n_records, bytes, sha256 }) => ({ name, n_records, bytes, sha256 })),
    software: { name: software.name, version: software.version },
  };
  return `${JSON.stringify(ordered, null, 2)}\n`;
}

/** Parses metadata.json. Throws InputError, which names the key, for a value that is missing, wrong or contradictory. */
export function parseMetadata(text: string, object: string): Metadata {
  const root = fields(parseJson(text, object), 'metadata', object);
  const whole = (source: Fields, name: string, path = name) =>
    check(source[name], path, object, 'a non-negative integer', isCount);
  const words = (source: Fields, name: string, path = name) =>
    check(source[name], path, object, 'a string', isText);
  const hash = (source: Fields, name: string, path = name) =>
    check(source[name], path, object, 'a SHA-256 in hex', isHash);

  const entries = check(root.shards, 'shards', object, 'a list', isList);
  // Added shards follow the run's own shards, whose names don't count them.
  const planned = entries.findIndex((entry) => isFields(entry) && isAddedShardName(entry.name));
  const total = planned < 0 ? entries.length : planned;
  const shards = entries.map((entry, i): ShardEntry => {
    const path = `shards[${i}]`;
    const shard = fields(entry, path, object);
    const needed = i < total ? JSON.stringify(shardName(i, total)) : '"added-<16 hex digits>.tfrecord"';
    const isName = (value: unknown): value is string =>
      i < total ? value === shardName(i, total) : isAddedShardName(value);
    return {
      // Any other name could make a reader leave the folder.
      name: check(shard.name, `${path}.name`, object, needed, isName),
      n_records: whole(shard, 'n_records', `${path}.n_records`),
      bytes: whole(shard, 'bytes', `${path}.bytes`),
      sha256: hash(shard, 'sha256', `${path}.sha256`),
    };
  });
  const software = fields(root.software, 'software', object);
  const n_samples = whole(root, 'n_samples');
  const sum = shards.reduce((total, { n_records }) => total + n_records, 0);
  if (sum !== n_samples) {
    throw new InputError({
      object,
      found: `shards with ${sum} records in total`,
      needed: `${n_samples}, as n_samples says`,
    });
  }
  return {
    n_samples,
    n_failed: whole(root, 'n_failed'),
    signal_shape: check(root.signal_shape, 'signal_shape', object, JSON.stringify(SHAPE), isShape),
    dtype: check(root.dtype, 'dtype', object, '"float16" or "float32"', isDType),
    dataset: words(root, 'dataset'),
    recipe: fields(root.recipe, 'recipe', object),
    recipe_hash: hash(root, 'recipe_hash'),
    psd_sha256: hash(root, 'psd_sha256'),
    labels_sha256: hash(root, 'labels_sha256'),
    plan_hash: hash(root, 'plan_hash'),
    shards,
    software: {
      name: words(software, 'name', 'software.name'),
      version: words(software, 'version', 'software.version'),
    },
  };
}

type Fields = Record<string, unknown>;

const SHAPE: [number, number] = [DETECTORS.length, SAMPLE_LENGTH];

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
const isText = (value: unknown): value is string => typeof value === 'string';
const isHash = (value: unknown): value is string => isText(value) && /^[0-9a-f]{64}$/.test(value);
const isList = (value: unknown): value is unknown[] => Array.isArray(value);
const isDType = (value: unknown): value is RecordDType => value === 'float16' || value === 'float32';
const isShape = (value: unknown): value is [number, number] =>
  JSON.stringify(value) === JSON.stringify(SHAPE);
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function fields(value: unknown, path: string, object: string): Fields {
  return check(value, path, object, 'an object', isFields);
}

function check<T>(
  value: unknown,
  path: string,
  object: string,
  needed: string,
  isRight: (value: unknown) => value is T,
): T {
  if (isRight(value)) return value;
  const found = value === undefined ? `no ${path}` : `${JSON.stringify(value).slice(0, 100)} as ${path}`;
  throw new InputError({ object, found, needed });
}

function parseJson(text: string, object: string): unknown {
  try {
    return JSON.parse(text, (_key, value) => {
      // JSON.parse reads 1e999 as Infinity, which JSON.stringify would write as null.
      if (typeof value !== 'number' || Number.isFinite(value)) return value;
      throw new RangeError('a number outside the range of float64');
    });
  } catch (error) {
    const found = error instanceof Error ? `invalid JSON (${error.message})` : 'invalid JSON';
    throw new InputError(
      { object, found, needed: 'metadata.json as chirpline preprocess writes it' },
      { cause: error },
    );
  }
}
