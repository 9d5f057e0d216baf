/** The end of a plan: results that must be about its very samples, then they are appended to the manifest and published. */
import { ConflictError, InputError } from '../errors.ts';
import type { Metadata } from '../records/metadata.ts';
import { parseMetadata } from '../records/metadata.ts';
import { forEachAhead, mapAhead } from '../storage/ahead.ts';
import { readJson } from '../storage/json.ts';
import type { ObjectStore } from '../storage/store.ts';
import {
  appendPlan,
  type Content,
  type ManifestShard,
  publish,
  publishRejected,
  readManifest,
} from './manifest.ts';
import { type Plan, readPlan, type Stores } from './plan.ts';
import { readPsd } from './psd.ts';
import { checkRejected, exceeds, type Rejection, rejectionListSchema } from './rejected.ts';
import { isIntact, readResult, type ShardResult } from './shard.ts';
import {
  AT_ONCE,
  indexKey,
  indexOfKey,
  METADATA_KEY,
  PSD_KEY,
  planFolder,
  planPsdKey,
  rejectedListKey,
  shardResultPrefix,
} from './work.ts';

/**
 * Appends the shards and rows of the plan with that id to the manifest, unless they are in already. Resolves to whether another
 * plan should follow, since objects were overwritten or away when they were read; otherwise the public files are written.
 *
 * Throws TooManyRejectedError when more than the share `maxRejected` of all inputs has been rejected (rejected.csv says which),
 * and ConflictError when results are missing or aren't the plan's; nothing is removed then.
 */
export async function finalizePlan(stores: Stores, id: string, maxRejected: number): Promise<boolean> {
  const { records } = stores;
  let { content } = await readManifest(records);
  if (!content?.plans.includes(id)) {
    const plan = await readPlan(records, id);
    const results = await collectResults(records, plan);
    const rows = [
      ...(await readJson(records, rejectedListKey(id), rejectionListSchema)),
      ...results.flatMap(({ rejected }) => rejected),
    ];
    const rejected = await checkTotal(stores, plan, rows, content, maxRejected);
    const psdSha256 = content?.psdSha256 ?? (await readPsd(records, plan.psd)).sha256;
    requireSame(records, plan, results, psdSha256);
    content = await appendPlan(records, id, (before) => ({
      settings: plan.settings,
      recipeHash: plan.recipeHash,
      psdSha256,
      planHash: plan.hash,
      plans: [],
      ...before,
      labelsSha256: plan.labelsSha256,
      shards: [...(before?.shards ?? []), ...results.flatMap(listShard)],
      rejected,
    }));
  }
  await removeSpent(records, id);
  const again = content.rejected.some(({ pending }) => pending);
  if (!again) await publish(records);
  return again;
}

/** Of a plan after the first one, a shard without records is none. */
function listShard({ name, records, bytes, sha256 }: ShardResult): ManifestShard[] {
  return records === 0 && name.startsWith('added-') ? [] : [{ name, records, bytes, sha256 }];
}

async function collectResults(records: ObjectStore, plan: Plan): Promise<ShardResult[]> {
  const results: ShardResult[] = [];
  const missing: number[] = [];
  const noted = mapAhead(plan.shards.keys(), AT_ONCE, async (index) => {
    const result = await readResult(records, plan.id, index);
    return { index, result: result && { ...result, found: await records.head(result.name) } };
  });
  for await (const { index, result } of noted) {
    if (result === undefined || !(await isIntact(records, result, result.found))) missing.push(index);
    else results.push(result);
  }
  if (missing.length > 0) {
    const which = missing.length > 10 ? `${missing.slice(0, 10).join(', ')} ...` : missing.join(', ');
    throw new ConflictError(
      `${missing.length} of ${plan.shards.length} shards of ${records.location} are missing (${which}). Run again: only they are made then.`,
    );
  }
  return results;
}

/** Each result must be of the plan, the PSD and the samples that it stands for, and tell where each sample went. */
function requireSame(
  records: ObjectStore,
  plan: Plan,
  results: readonly ShardResult[],
  psdSha256: string,
): void {
  for (const [index, result] of results.entries()) {
    const { name, samples, ids } = plan.shards[index]!;
    const told = result.records + result.rejected.length;
    const same = result.name === name && result.ids === ids && result.plan === plan.hash && told === samples;
    if (same && result.psd === psdSha256) continue;
    throw new ConflictError(
      `${records.location}${name} was made of other samples, or with another PSD, than plan ${plan.id} says. Remove the records and run again.`,
    );
  }
}

/** Throws TooManyRejectedError. Rows of objects that have come again since are pending: they aren't counted. */
async function checkTotal(
  stores: Stores,
  plan: Plan,
  rows: Rejection[],
  content: Content | undefined,
  maxRejected: number,
): Promise<Rejection[]> {
  const { records } = stores;
  const had = content?.shards.reduce((sum, shard) => sum + shard.records, 0) ?? 0;
  const inputs = had + plan.inputs;
  const kept = exceeds(rows.length, inputs, maxRejected) ? await noteChanged(stores.raw, rows) : rows;
  try {
    checkRejected(kept, inputs, maxRejected, records.location);
  } catch (error) {
    await publishRejected(records, kept);
    throw error;
  }
  return kept;
}

/** The rows, those pending whose object has another version now than the one that was found bad. */
async function noteChanged(raw: ObjectStore, rows: Rejection[]): Promise<Rejection[]> {
  const versions = new Map<string, string | undefined>();
  const keys = new Set(
    rows.flatMap(({ key, etag }) => (key === undefined || etag === undefined ? [] : [key])),
  );
  await forEachAhead(keys, AT_ONCE, async (key) => {
    versions.set(key, (await raw.head(key))?.etag);
  });
  return rows.map((row) => {
    if (row.key === undefined || row.etag === undefined || versions.get(row.key) === row.etag) return row;
    const { etag: _, ...rest } = row;
    return { ...rest, pending: true };
  });
}

/**
 * Throws TooManyRejectedError, once rejected.csv says which, when the results noted so far have too many rows already: no
 * reason to make the rest.
 */
export async function checkSoFar(stores: Stores, plan: Plan, maxRejected: number): Promise<void> {
  const { records } = stores;
  const rows = await readJson(records, rejectedListKey(plan.id), rejectionListSchema);
  const keys = records.list(shardResultPrefix(plan.id));
  for await (const result of mapAhead(keys, AT_ONCE, ({ key }) =>
    readResult(records, plan.id, indexOfKey(key)),
  )) {
    rows.push(...(result?.rejected ?? []));
  }
  await checkTotal(stores, plan, rows, (await readManifest(records)).content, maxRejected);
}

/** The checked metadata of finished records; undefined when they have none. Throws InputError when it is broken. */
export async function readMetadataIfPresent(records: ObjectStore): Promise<Metadata | undefined> {
  if ((await records.head(METADATA_KEY)) === undefined) return undefined;
  return parseMetadata(
    new TextDecoder().decode(await records.read(METADATA_KEY)),
    `${records.location}${METADATA_KEY}`,
  );
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

/** Removes what only a plan under way needs. Safe to do twice. */
async function removeSpent(records: ObjectStore, plan: string): Promise<void> {
  await forEachAhead(records.list(planFolder(plan)), AT_ONCE, async ({ key }) => {
    if (key !== indexKey(plan) && key !== planPsdKey(plan)) await records.remove(key);
  });
}
