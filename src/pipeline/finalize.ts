/** The last step: counts that must agree, rejected.csv, and metadata.json, whose presence says that all is there. */
import { ConflictError, TooManyRejectedError } from '../errors.ts';
import { type Metadata, serializeMetadata } from '../records/metadata.ts';
import { RECIPE } from '../signal/recipe.ts';
import { SOFTWARE } from '../software.ts';
import { DETECTORS, SAMPLE_LENGTH } from '../strain.ts';
import type { Plan, Stores } from './plan.ts';
import { readPsd } from './psd.ts';
import { exceeds, formatRejected, type Rejection } from './rejected.ts';
import type { ShardResult } from './shard.ts';
import {
  METADATA_KEY,
  PSD_KEY,
  planRejectedKey,
  REJECTED_KEY,
  readJson,
  readJsonIfPresent,
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
  for (let index = 0; index < plan.shards; index += 1) {
    const result = await readJsonIfPresent<ShardResult>(records, shardResultKey(index));
    if (result === undefined) {
      missing.push(index);
      continue;
    }
    const size = (await records.head(result.name))?.size;
    if (size !== result.bytes) {
      throw new ConflictError(
        `${records.location}${result.name} has ${size ?? 'no'} bytes, ${result.bytes} were written. Run again.`,
      );
    }
    results.push(result);
  }
  if (missing.length > 0) {
    const which = missing.length > 10 ? `${missing.slice(0, 10).join(', ')} ...` : missing.join(', ');
    throw new ConflictError(
      `${missing.length} of ${plan.shards} shards of ${records.location} are missing (${which}). Run again: only they are made then.`,
    );
  }
  const rejected = [
    ...(await readJson<Rejection[]>(records, planRejectedKey)),
    ...results.flatMap((result) => result.rejected),
  ];
  const written = results.reduce((sum, result) => sum + result.records, 0);
  if (written + rejected.length !== plan.inputs) {
    throw new Error(`${plan.inputs} inputs, but ${written} written and ${rejected.length} rejected`);
  }
  await records.write(REJECTED_KEY, new TextEncoder().encode(formatRejected(rejected)));
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

/** Throws TooManyRejectedError when the share of rejected inputs is over the limit. */
export function checkRejected(rejected: number, inputs: number, maxRejected: number, location: string): void {
  if (!exceeds(rejected, inputs, maxRejected)) return;
  throw new TooManyRejectedError(
    `${rejected} of ${inputs} inputs were rejected, more than the tolerated ${maxRejected * 100} %. ` +
      `Finished shards are kept in ${location}; allow more (--max-rejected) or mend the inputs and use another place.`,
  );
}

/** Removes what only an unfinished run needs. Safe to do twice. */
export async function removeSpent({ records }: Stores): Promise<void> {
  for (const prefix of SPENT_PREFIXES) {
    for await (const { key } of records.list(prefix)) await records.remove(key);
  }
}
