/**
 * The manifest, `_work/manifest.json`: what a dataset's records hold, which plan is being made into more of them, and who
 * works on it. It is the one object that is ever changed, by compare-and-swap, so that whatever happens beside whatever,
 * one of the two comes first. The public files follow from it: metadata.json, rejected.csv and avg_psd.npz.
 *
 * - A plan gets under way only if its maker has had the lease since before it listed the raw objects. So an object that comes
 *   when there is neither lease nor plan is in the list of the plan to come.
 * - While a plan is being made or under way nothing else is appended: what it lacked it lacks until the end, and no sample
 *   is in twice.
 * - `append` of a plan that is in already changes nothing; of one that isn't under way any more it is refused.
 */
import { isDeepStrictEqual } from 'node:util';
import * as v from 'valibot';
import { ConflictError, InputError, TooManyRejectedError } from '../errors.ts';
import { type Metadata, parseMetadata, serializeMetadata } from '../records/metadata.ts';
import { RECIPE } from '../signal/recipe.ts';
import { SOFTWARE } from '../software.ts';
import { forEachAhead } from '../storage/ahead.ts';
import { compareAndSwap } from '../storage/conditional.ts';
import { encodeJson, parseJson, readIfPresent, readJsonIfPresent } from '../storage/json.ts';
import type { ObjectStore } from '../storage/store.ts';
import { DETECTORS, SAMPLE_LENGTH } from '../strain.ts';
import {
  describeRejection,
  exceeds,
  formatRejected,
  formatShare,
  type Rejection,
  rejectionListSchema,
} from './rejected.ts';
import {
  AT_ONCE,
  MANIFEST_KEY,
  METADATA_KEY,
  PSD_KEY,
  planFolder,
  planPsdKey,
  REJECTED_KEY,
} from './work.ts';

export const settingsSchema = v.object({
  dataset: v.string(),
  dtype: v.picklist(['float16', 'float32']),
  shardSize: v.number(),
  psdSamples: v.number(),
  seed: v.number(),
  psdSha256: v.optional(v.string()),
});

const leaseSchema = v.object({
  /** Names the holder, and nobody else ever. */
  token: v.string(),
  kind: v.picklist(['process', 'execution']),
  /** For messages. */
  holder: v.string(),
  /** Where a process runs, and which it is there. */
  host: v.optional(v.string()),
  pid: v.optional(v.number()),
  born: v.optional(v.string()),
  /** How long it lasts without being renewed [ms], and till when that is by the holder's clock [ms since 1970]. */
  span: v.number(),
  expires: v.number(),
});
export type Lease = v.InferOutput<typeof leaseSchema>;

const shardSchema = v.object({
  name: v.string(),
  records: v.number(),
  bytes: v.number(),
  sha256: v.string(),
  /** Of a shard of one raw object: its key, and ids and labels of the records. The others' are in their plan's index. */
  key: v.optional(v.string()),
  samples: v.optional(v.array(v.tuple([v.string(), v.picklist([0, 1])]))),
});
export type ManifestShard = v.InferOutput<typeof shardSchema>;

const contentSchema = v.object({
  settings: settingsSchema,
  recipeHash: v.string(),
  psdSha256: v.string(),
  /** Of the first plan. */
  planHash: v.string(),
  /** Of the labels that the latest plan was made from. */
  labelsSha256: v.string(),
  /** Plans that are in: their ids, and those of the samples in their indexes that became no records. */
  plans: v.array(v.object({ id: v.string(), without: v.array(v.string()) })),
  shards: v.array(shardSchema),
  rejected: rejectionListSchema,
});
export type Content = v.InferOutput<typeof contentSchema>;

const manifestSchema = v.object({
  version: v.literal(1),
  lease: v.optional(leaseSchema),
  /** Ids of the plan that is being made, or was when its maker died, and of the one that is under way. */
  planning: v.optional(v.string()),
  plan: v.optional(v.string()),
  /** Absent before the first plan is appended. */
  content: v.optional(contentSchema),
});
export type Manifest = v.InferOutput<typeof manifestSchema>;

const EMPTY: Manifest = { version: 1 };

/** The empty one when there is none. */
export async function readManifest(records: ObjectStore): Promise<Manifest> {
  return (await readJsonIfPresent(records, MANIFEST_KEY, manifestSchema)) ?? EMPTY;
}

/**
 * Changes the manifest by compare-and-swap, see there; `edit` leaves it alone by returning undefined. Returns the manifest as
 * it is then.
 */
export async function changeManifest(
  records: ObjectStore,
  edit: (manifest: Manifest) => Promise<Manifest | undefined> | Manifest | undefined,
): Promise<Manifest> {
  const object = `${records.location}${MANIFEST_KEY}`;
  let latest = EMPTY;
  await compareAndSwap(records, MANIFEST_KEY, async (bytes) => {
    const found = bytes === undefined ? EMPTY : parseJson(bytes, object, manifestSchema);
    const changed = await edit(found);
    latest = changed ?? found;
    return changed && encodeJson(changed);
  });
  return latest;
}

/**
 * Notes that the holder of the lease is making a plan, of content that stays as it is until then. Returns the plan that was
 * noted before: nothing comes of it any more. Throws LostLeaseError unless `token` has the lease and no plan is under way.
 */
export async function startPlanning(
  records: ObjectStore,
  token: string,
  id: string,
): Promise<string | undefined> {
  let former: string | undefined;
  await changeManifest(records, (manifest) => {
    if (manifest.lease?.token !== token || manifest.plan !== undefined)
      throw new LostLeaseError(records.location);
    if (manifest.planning === id) return undefined;
    former = manifest.planning;
    return { ...manifest, planning: id };
  });
  return former;
}

/**
 * Makes the plan that was noted the one that is under way, or none when nothing came of it. Throws LostLeaseError unless it
 * is noted still and `token` has the lease.
 */
export async function endPlanning(
  records: ObjectStore,
  token: string,
  id: string,
  plan: string | undefined,
): Promise<void> {
  await changeManifest(records, ({ planning, ...rest }) => {
    if (planning === undefined && rest.plan === plan) return undefined;
    if (rest.lease?.token !== token || planning !== id) throw new LostLeaseError(records.location);
    return { ...rest, plan };
  });
}

/** Thrown when somebody else took the lease over; nothing was changed. */
export class LostLeaseError extends ConflictError {
  constructor(location: string) {
    super(`${location}: another run, or another attempt of this one, has taken over.`);
  }
}

/** Throws ConflictError unless the plan is under way. */
export async function requirePlan(records: ObjectStore, plan: string): Promise<Manifest> {
  const manifest = await readManifest(records);
  if (manifest.plan === plan) return manifest;
  throw refuse(records, plan);
}

function refuse({ location }: ObjectStore, plan: string): ConflictError {
  return new ConflictError(
    `${location}: plan ${plan} is not under way any more: another run finished it or gave it up, or the records were removed. Run again.`,
  );
}

/** Whether the plan is in. */
export function hasPlan(content: Content | undefined, plan: string): boolean {
  return content?.plans.some(({ id }) => id === plan) ?? false;
}

/** Makes the content what `edit` makes of it, which has the plan, unless it has it already. */
export async function appendPlan(
  records: ObjectStore,
  plan: string,
  edit: (content: Content | undefined) => Content,
): Promise<void> {
  await changeManifest(records, (manifest) => {
    if (hasPlan(manifest.content, plan)) return undefined;
    const { plan: under, ...rest } = manifest;
    if (under !== plan) throw refuse(records, plan);
    return { ...rest, content: edit(manifest.content) };
  });
}

/** Has the next run make a new plan in place of this one, of what there is then: this one can't be finished. */
export async function giveUpPlan(records: ObjectStore, id: string): Promise<void> {
  await changeManifest(records, ({ plan, ...rest }) => (plan === id ? { ...rest, planning: id } : undefined));
}

/** Removes what was written for a plan that can't get under way any more. */
export async function removePlan(records: ObjectStore, id: string): Promise<void> {
  await forEachAhead(records.list(planFolder(id)), AT_ONCE, ({ key }) => records.remove(key));
}

/**
 * Makes the public files tell what the manifest does, metadata.json last. Each is changed by compare-and-swap, and the
 * manifest is read after the file: whoever comes last writes what is true. Doing it again changes nothing.
 */
export async function publish(records: ObjectStore): Promise<void> {
  const read = async () => (await readManifest(records)).content;
  for (let before: Content | undefined; ; ) {
    const content = await read();
    if (isDeepStrictEqual(content, before)) return;
    before = content;
    // Each time: another one may lie there, of a call that outlived its records.
    await compareAndSwap(records, PSD_KEY, async () => {
      const now = await read();
      return now && records.read(planPsdKey(now.plans[0]!.id));
    });
    await compareAndSwap(records, REJECTED_KEY, async () => {
      const now = await read();
      return now && encode(formatRejected(now.rejected));
    });
    await compareAndSwap(records, METADATA_KEY, async () => {
      const now = await read();
      return now && encode(describeContent(now));
    });
  }
}

/**
 * Throws TooManyRejectedError when more than the share `limit` of the inputs is rejected; pending ones may still become records.
 * rejected.csv of records that aren't finished says which, the error what is new in others: whoever is to fix them must know.
 */
export async function checkRejected(
  records: ObjectStore,
  rows: readonly Rejection[],
  inputs: number,
  limit: number,
): Promise<void> {
  // What belongs to no sample is told, but costs the others nothing.
  const isStray = ({ id, key }: Rejection) => id === '' && key !== undefined;
  const counted = rows.filter((row) => !row.pending && !isStray(row));
  if (!exceeds(counted.length, inputs, limit)) return;
  // New labels of records that there are may come before their samples.
  const { content: before } = await readManifest(records);
  const rejected = counted.filter(({ file }) => before === undefined || file !== '').length;
  if (!exceeds(rejected, inputs, limit)) return;
  let which = `${records.location}${REJECTED_KEY} says which`;
  await compareAndSwap(records, REJECTED_KEY, async () => {
    const { content } = await readManifest(records);
    if (content === undefined) return encode(formatRejected(rows));
    const known = new Set(content.rejected.map(describeRejection));
    const fresh = rows.map(describeRejection).filter((row) => !known.has(row));
    which = `New: ${fresh.slice(0, 5).join('; ')}${fresh.length > 5 ? `; and ${fresh.length - 5} more` : ''}`;
    return undefined;
  });
  throw new TooManyRejectedError(
    `${rejected} of ${inputs} inputs were rejected, more than the tolerated ${formatShare(limit)}. ` +
      `${which}. Fix them and run again, or allow more (--max-rejected); finished shards are kept.`,
  );
}

export function countRecords(content: Content | undefined): number {
  return content?.shards.reduce((sum, shard) => sum + shard.records, 0) ?? 0;
}

/** The checked metadata of finished records; undefined when they have none. Throws InputError when it is broken. */
export async function readMetadataIfPresent(records: ObjectStore): Promise<Metadata | undefined> {
  const bytes = await readIfPresent(records, METADATA_KEY);
  return bytes && parseMetadata(new TextDecoder().decode(bytes), `${records.location}${METADATA_KEY}`);
}

/**
 * Publishes records that lack nothing. Throws InputError when a shard of theirs has gone or has another size. (Whether the
 * bytes are the same is for `chirpline inspect` to say, which reads them all.)
 */
export async function publishComplete(records: ObjectStore): Promise<void> {
  await publish(records);
  const { shards } = (await readMetadataIfPresent(records)) ?? { shards: [] };
  await forEachAhead(shards, AT_ONCE, async ({ name, bytes }) => {
    const size = (await records.head(name))?.size;
    if (size === bytes) return;
    throw new InputError({
      object: `${records.location}${name}`,
      found: size === undefined ? 'no such file' : `${size} bytes`,
      needed: `${bytes} bytes, as metadata.json says`,
      advice: 'Copy it here again, or remove the records and make them anew',
    });
  });
}

function describeContent(content: Content): string {
  const { settings, shards, rejected } = content;
  return serializeMetadata({
    n_samples: countRecords(content),
    n_failed: rejected.length,
    signal_shape: [DETECTORS.length, SAMPLE_LENGTH],
    dtype: settings.dtype,
    dataset: settings.dataset,
    recipe: RECIPE,
    recipe_hash: content.recipeHash,
    psd_sha256: content.psdSha256,
    labels_sha256: content.labelsSha256,
    plan_hash: content.planHash,
    shards: shards.map(({ name, records: n_records, bytes, sha256 }) => ({ name, n_records, bytes, sha256 })),
    software: SOFTWARE,
  });
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
