/** The last step: counts that must agree, rejected.csv, and metadata.json, whose presence says that all is there. */
import { ConflictError, InputError, TooManyRejectedError } from '../errors.ts';
import { type Metadata, serializeMetadata } from '../records/metadata.ts';
import { SHARD_PREFIX } from '../records/shard.ts';
import { RECIPE } from '../signal/recipe.ts';
import { SOFTWARE } from '../software.ts';
import { forEachAhead, mapAhead } from '../storage/ahead.ts';
import type { ObjectStore } from '../storage/store.ts';
import { DETECTORS, SAMPLE_LENGTH } from '../strain.ts';
import type { Plan, Stores } from './plan.ts';
import { readPsd } from './psd.ts';
import { exceeds, formatShare, type Rejection, writeRejected } from './rejected.ts';
import type { ShardResult } from './shard.ts';
import {
  AT_ONCE,
  METADATA_KEY,
  PSD_KEY,
  planRejectedKey,
  REJECTED_KEY,
  readJson,
  readJsonIfPresent,
  SHARD_RESULT_PREFIX,
  SPENT_PREFIXES,
  shardResultKey,
} from './work.ts';

/**
 * Throws TooManyRejectedError when more than the share `maxRejected` of the inputs has been rejected, and
 * ConflictError when the counts or the shards don't agree with the plan; nothing is removed then.
 */
export async function finalizeRun(stores: Stores, plan: Plan, maxRejected: number): Promise<Metadata> {
  const { records } = stores;
  const results: ShardResult[] = [];
  const missing: number[] = [];
  const noted = mapAhead(Array(plan.shards).keys(), AT_ONCE, async (index) => ({
    index,
    result: await readJsonIfPresent<ShardResult>(records, shardResultKey(index)),
  }));
  const found: { index: number; result: ShardResult | undefined }[] = [];
  for await (const entry of noted) found.push(entry);
  // After the results, each of which is written after its shard.
  const sizes = new Map<string, number>();
  for await (const { key, size } of records.list(SHARD_PREFIX)) sizes.set(key, size);
  for (const { index, result } of found) {
    const size = result && sizes.get(result.name);
    if (result === undefined) missing.push(index);
    else if (size === result.bytes) results.push(result);
    else {
      throw new ConflictError(
        `${records.location}${result.name} has ${size ?? 'no'} bytes, ${result.bytes} were written. Run again.`,
      );
    }
  }
  if (missing.length > 0) {
    const which = missing.length > 10 ? `${missing.slice(0, 10).join(', ')} ...` : missing.join(', ');
    throw new ConflictError(
      `${missing.length} of ${plan.shards} shards of ${records.location} are missing (${which}). Run again: only they are made then.`,
    );
  }
  const rejected = await collectRejected(records, results);
  const written = results.reduce((sum, result) => sum + result.records, 0);
  if (written + rejected.length !== plan.inputs) {
    throw new Error(`${plan.inputs} inputs, but ${written} written and ${rejected.length} rejected`);
  }
  await writeRejected(records, rejected);
  checkRejected(rejected.length, plan.inputs, maxRejected, records.location);

  const metadata: Metadata = {
    n_samples: written,
    n_failed: rejected.length,
    signal_shape: [DETECTORS.length, SAMPLE_LENGTH],
    dtype: plan.settings.dtype,
    dataset: plan.settings.dataset,
    recipe: RECIPE,
    recipe_hash: plan.recipeHash,
    psd_sha256: (await readPsd(records, PSD_KEY)).sha256,
    labels_sha256: plan.labelsSha256,
    plan_hash: plan.hash,
    shards: results.map(({ name, records: n_records, bytes, sha256 }) => ({
      name,
      n_records,
      bytes,
      sha256,
    })),
    software: SOFTWARE,
  };
  await records.write(METADATA_KEY, new TextEncoder().encode(serializeMetadata(metadata)));
  await removeSpent(stores);
  return metadata;
}

async function collectRejected(records: ObjectStore, results: ShardResult[]): Promise<Rejection[]> {
  const planned = await readJson<Rejection[]>(records, planRejectedKey);
  return [...planned, ...results.flatMap((result) => result.rejected)];
}

/** rejected.csv of a run that stops unfinished: who mends the inputs must know which. */
export async function writeRejectedSoFar(records: ObjectStore): Promise<void> {
  const results: ShardResult[] = [];
  for await (const { key } of records.list(SHARD_RESULT_PREFIX)) {
    results.push(await readJson<ShardResult>(records, key));
  }
  await writeRejected(records, await collectRejected(records, results));
}

/**
 * Throws InputError when a shard of finished records, or their PSD, has gone or has another size. (Whether the bytes
 * are the same is for `chirpline inspect` to say, which reads them all.)
 */
export async function checkPresence(records: ObjectStore, { shards }: Metadata): Promise<void> {
  for (const { name, bytes } of [...shards, { name: PSD_KEY, bytes: undefined }]) {
    const size = (await records.head(name))?.size;
    if (size !== undefined && size === (bytes ?? size)) continue;
    throw new InputError({
      object: `${records.location}${name}`,
      found: size === undefined ? 'no such file' : `${size} bytes`,
      needed: bytes === undefined ? 'it' : `${bytes} bytes, as metadata.json says`,
      advice: 'Copy it here again, or remove the records and make them anew',
    });
  }
}

/** Throws TooManyRejectedError when the share of rejected inputs is over the limit. */
export function checkRejected(rejected: number, inputs: number, maxRejected: number, location: string): void {
  if (!exceeds(rejected, inputs, maxRejected)) return;
  throw new TooManyRejectedError(
    `${rejected} of ${inputs} inputs were rejected, more than the tolerated ${formatShare(maxRejected)}. ` +
      `${location}${REJECTED_KEY} says which, and finished shards are kept there: allow more (--max-rejected), or ` +
      'mend the inputs and use another place.',
  );
}

/** Removes what only an unfinished run needs. Safe to do twice. */
export async function removeSpent({ records }: Stores): Promise<void> {
  for (const prefix of SPENT_PREFIXES) {
    await forEachAhead(records.list(prefix), AT_ONCE, ({ key }) => records.remove(key));
  }
}
