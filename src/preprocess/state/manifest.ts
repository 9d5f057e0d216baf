/**
 * `_work/manifest.json`, the one object that says what the records hold. It has the lease, the plan under way and the content.
 * Compare-and-swap orders all its changes: no plan starts while another is under way, a plan is appended once, and a late object
 * isn't added while a plan is being made. The public files follow from it (publish.ts).
 */
import * as v from 'valibot';
import { BusyError, ConflictError } from '../../core/errors.ts';
import { RECIPE, SIGNAL_RECIPE } from '../../signal/recipe.ts';
import { AT_ONCE, forEachAhead } from '../../storage/ahead.ts';
import { compareAndSwap } from '../../storage/conditional.ts';
import { encodeJson, parseJson, readJsonIfPresent } from '../../storage/json.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { indexKey, MANIFEST_KEY, planFolder, planPsdKey, WORK_PREFIX } from './record-keys.ts';
import { rejectionListSchema } from './rejected.ts';

export const settingsSchema = v.object({
  dataset: v.string(),
  dtype: v.picklist(['float16', 'float32']),
  shardSize: v.number(),
  psdSamples: v.number(),
  seed: v.number(),
  psdSha256: v.optional(v.string()),
  signals: v.optional(v.literal(true)),
});

/**
 * `shardSize`: samples per shard; the last shard may have fewer. `psdSamples`: maximum number of noise samples that the PSD is
 * averaged over; `seed` chooses them. `psdSha256`: of a PSD file that is used instead of an estimate. `signals`: of samples
 * without noise, which get SIGNAL_RECIPE.
 */
export type PlanSettings = v.InferOutput<typeof settingsSchema>;

/** The recipe of the records of a plan with these settings. */
export function recipeOf({ signals }: PlanSettings): Readonly<Record<string, unknown>> {
  return signals ? SIGNAL_RECIPE : RECIPE;
}

const leaseSchema = v.object({
  /** Identifies the holder; never reused. */
  token: v.string(),
  kind: v.picklist(['process', 'execution']),
  /** For messages. */
  holder: v.string(),
  /** For a process: its host, its id there, and its start time. */
  host: v.optional(v.string()),
  pid: v.optional(v.number()),
  born: v.optional(v.string()),
  /** How long it lasts without a renewal [ms], and when it expires by the holder's clock [ms since 1970]. */
  span: v.number(),
  expires: v.number(),
});
export type Lease = v.InferOutput<typeof leaseSchema>;

export const shardFields = { name: v.string(), records: v.number(), bytes: v.number(), sha256: v.string() };
const shardSchema = v.object({
  ...shardFields,
  /** For the shard of a late object: the object's key, and the records' ids and labels. Other shards are in a plan's index. */
  key: v.optional(v.string()),
  samples: v.optional(v.array(v.tuple([v.string(), v.picklist([0, 1])]))),
});
export type ManifestShard = v.InferOutput<typeof shardSchema>;

const contentSchema = v.object({
  settings: settingsSchema,
  recipeHash: v.string(),
  psdSha256: v.string(),
  /** Hash of the first plan. */
  planHash: v.string(),
  /** Of the labels file that the latest plan was made from. */
  labelsSha256: v.string(),
  /** The appended plans: the plan's id, and the ids of samples in its index that became no record. */
  plans: v.array(v.object({ id: v.string(), without: v.array(v.string()) })),
  shards: v.array(shardSchema),
  rejected: rejectionListSchema,
});
export type Content = v.InferOutput<typeof contentSchema>;

const manifestSchema = v.object({
  version: v.literal(1),
  lease: v.optional(leaseSchema),
  /** Id of the plan that is being made (or was, when its maker died), and id of the plan under way. */
  planning: v.optional(v.string()),
  plan: v.optional(v.string()),
  /** Missing until the first plan is appended. */
  content: v.optional(contentSchema),
});
export type Manifest = v.InferOutput<typeof manifestSchema>;

const EMPTY: Manifest = { version: 1 };

/** Returns an empty manifest when none exists. */
export async function readManifest(records: ObjectStore): Promise<Manifest> {
  return (await readJsonIfPresent(records, MANIFEST_KEY, manifestSchema)) ?? EMPTY;
}

/**
 * Changes the manifest by compare-and-swap, see compareAndSwap. If `edit` returns undefined, the manifest stays as it is. Returns
 * the resulting manifest.
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
 * Notes that the holder of the lease is making a plan, unless one is under way. The content can't change until that plan is
 * appended. Returns the resulting manifest. Throws BusyError unless `token` holds the lease.
 */
export function startPlanning(records: ObjectStore, token: string, id: string): Promise<Manifest> {
  return changeManifest(records, (found) => {
    if (found.lease?.token !== token) throw lostLease(records);
    return found.plan === undefined ? { ...found, planning: id } : undefined;
  });
}

/**
 * Ends the planning noted under `id`: `plan` is under way from now on, or no plan if undefined. Throws BusyError, and changes
 * nothing, unless the note still exists: it ends with the lease.
 */
export async function endPlanning(records: ObjectStore, id: string, plan: string | undefined): Promise<void> {
  await changeManifest(records, ({ planning, ...rest }) => {
    if (planning === id) return { ...rest, plan };
    if (planning === undefined && rest.plan === plan) return undefined;
    throw lostLease(records);
  });
}

function lostLease({ location }: ObjectStore): BusyError {
  return new BusyError(`${location}: another run, or another attempt of this run, has taken over the lease.`);
}

/** Returns the manifest. Throws ConflictError unless the plan is under way. */
export async function requirePlan(records: ObjectStore, id: string, manifest?: Manifest): Promise<Manifest> {
  const found = manifest ?? (await readManifest(records));
  if (found.plan === id) return found;
  throw new ConflictError(
    `${records.location}: plan ${id} is not under way any more: another run finished it or gave it up, or the records were removed. Run again.`,
  );
}

/** Whether the plan was appended. */
export function hasPlan(content: Content | undefined, plan: string): content is Content {
  return content?.plans.some(({ id }) => id === plan) ?? false;
}

/** Gives up a plan that can't be finished. The next run makes a new one from the objects that exist then. */
export async function giveUpPlan(records: ObjectStore, id: string): Promise<void> {
  await changeManifest(records, ({ plan, ...rest }) => (plan === id ? rest : undefined));
}

/**
 * Removes the files of plans that can't get under way any more, and what only a plan under way needs of those that were
 * appended. Idempotent.
 */
export async function removeSpent(records: ObjectStore): Promise<void> {
  const keys: string[] = [];
  for await (const { key } of records.list(WORK_PREFIX)) keys.push(key);
  // Read after the listing: a plan is noted here before any of its files is written.
  const { plan = '', planning = '', content } = await readManifest(records);
  const used = new Set([
    MANIFEST_KEY,
    ...(content?.plans ?? []).flatMap(({ id }) => [indexKey(id), planPsdKey(id)]),
  ]);
  const isSpent = (key: string) =>
    !used.has(key) && !key.startsWith(planFolder(plan)) && !key.startsWith(planFolder(planning));
  await forEachAhead(keys.filter(isSpent), AT_ONCE, (key) => records.remove(key));
}

export function countRecords(content: Content | undefined): number {
  return content?.shards.reduce((sum, shard) => sum + shard.records, 0) ?? 0;
}
