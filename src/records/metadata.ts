import * as v from 'valibot';
import { InputError } from '../core/errors.ts';
import { quote } from '../core/quote.ts';
import { DETECTORS, SAMPLE_LENGTH } from '../core/strain.ts';
import { parseJson } from '../storage/json.ts';
import { isAddedShardName, shardName } from './shard-names.ts';

export const METADATA_KEY = 'metadata.json';

const countSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const hashSchema = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));

/** The keys in the order of the file. The first four are the reference's. Hashes are SHA-256 in hex. */
const metadataSchema = v.object({
  n_samples: countSchema,
  n_failed: countSchema,
  signal_shape: v.tuple([v.literal(DETECTORS.length), v.literal(SAMPLE_LENGTH)]),
  dtype: v.picklist(['float16', 'float32']),
  dataset: v.string(),
  /** All parameters of the signal path. */
  recipe: v.record(v.string(), v.unknown()),
  recipe_hash: hashSchema,
  psd_sha256: hashSchema,
  labels_sha256: hashSchema,
  plan_hash: hashSchema,
  shards: v.array(
    v.object({ name: v.string(), n_records: countSchema, bytes: countSchema, sha256: hashSchema }),
  ),
  software: v.object({ name: v.string(), version: v.string() }),
});

/** metadata.json, which describes the shards of a finished run. */
export type Metadata = v.InferOutput<typeof metadataSchema>;

/** Largest metadata.json that is read [bytes]: enough for 300,000 shards. */
export const METADATA_LIMIT = 1 << 26;

/** The file's text. It doesn't depend on the order of the keys in `metadata`. */
export function serializeMetadata(metadata: Metadata): string {
  return `${JSON.stringify(v.parse(metadataSchema, metadata), null, 2)}\n`;
}

/** Parses metadata.json. Throws InputError, which names the key, for a value that is missing, wrong or contradictory. */
export function parseMetadata(bytes: Uint8Array, object: string): Metadata {
  const metadata = parseJson(bytes, object, metadataSchema);
  const { shards, n_samples } = metadata;
  // Added shards follow the run's own shards, whose names don't count them.
  const planned = shards.findIndex(({ name }) => isAddedShardName(name));
  const total = planned < 0 ? shards.length : planned;
  for (const [i, { name }] of shards.entries()) {
    // Any other name could make a reader leave the folder.
    if (i < total ? name === shardName(i, total) : isAddedShardName(name)) continue;
    const needed = i < total ? shardName(i, total) : 'added-<16 hex digits>.tfrecord';
    throw new InputError({ object, found: `${quote(name)} as shards.${i}.name`, needed });
  }
  const sum = shards.reduce((count, { n_records }) => count + n_records, 0);
  if (sum !== n_samples) {
    const needed = `${n_samples}, as n_samples says`;
    throw new InputError({ object, found: `shards with ${sum} records in total`, needed });
  }
  return metadata;
}
