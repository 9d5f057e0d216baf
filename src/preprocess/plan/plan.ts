/**
 * The plan: which samples become records, which of them estimate the PSD, and which shard each one goes to. The first plan takes
 * the whole dataset, a later one what the manifest lacks.
 *
 * A plan is deterministic: the same raw objects, labels, settings and records give the same plan on any machine. Large lists go
 * to the store, one file per chunk, so a step reads only its own part.
 */
import * as v from 'valibot';
import { ambient } from '../../core/ambient.ts';
import { InputError, NotFoundError, StoppedError } from '../../core/errors.ts';
import type { Observer } from '../../core/progress.ts';
import { sha256 } from '../../core/sha256.ts';
import type { Stop } from '../../core/stop.ts';
import { type Catalog, catalogDataset } from '../../raw/catalog.ts';
import { LABELS_KEY, type Label, parseLabels } from '../../raw/labels.ts';
import { addedShardName, shardName } from '../../records/shard-names.ts';
import { recipeHash } from '../../signal/recipe.ts';
import { AT_ONCE, forEachAhead } from '../../storage/ahead.ts';
import { encodeJson, readJson } from '../../storage/json.ts';
import type { ObjectStore } from '../../storage/store.ts';
import {
  type Content,
  countRecords,
  endPlanning,
  type PlanSettings,
  recipeOf,
  removeSpent,
  settingsSchema,
  startPlanning,
} from '../state/manifest.ts';
import { checkRejected } from '../state/publish.ts';
import {
  indexKey,
  planKey,
  planPsdKey,
  psdListKey,
  rejectedListKey,
  shardListKey,
} from '../state/record-keys.ts';
import { sameRows } from '../state/rejected.ts';
import { hashIds, type LabelledRef } from './chunks.ts';
import { readKnown } from './known.ts';
import { type Choice, chooseNoise, matchAligned, matchSamples } from './match.ts';
import { checkChoice, refuseForeign, refuseOther } from './plan-checks.ts';
import { encodeIndex, readIndex } from './sample-index.ts';

/** The competition's unlabelled samples are stored beside the labelled ones; they are for `predict`. */
export const TEST_PREFIX = 'test/';

/** Samples summed by one PSD task. Fixed, since the order of summation affects the result. */
export const PSD_CHUNK_SIZE = 512;

/** Where the raw samples are and where the records go. */
export interface Stores {
  raw: ObjectStore;
  records: ObjectStore;
}

const planSchema = v.object({
  /**
   * Unique; names the plan's folder. The hash can't: a plan made again after its records were removed has the same hash, while
   * calls of the first plan may still be running.
   */
  id: v.string(),
  settings: settingsSchema,
  /** Identifies what the plan makes: settings, recipe, labels, the ids of each shard, and what is rejected. */
  hash: v.string(),
  labelsSha256: v.string(),
  recipeHash: v.string(),
  /** Labels rows, and raw samples without a label, that have no record yet. Each ends in a shard or in rejected.csv. */
  inputs: v.number(),
  rejected: v.number(),
  shards: v.array(v.object({ name: v.string(), samples: v.number(), ids: v.string() })),
  psdChunks: v.number(),
  /** Key of the PSD that whitens the shards. The PSD may not exist yet. */
  psd: v.string(),
  /** How many samples are files of their own. */
  files: v.number(),
});
export type Plan = v.InferOutput<typeof planSchema>;

export interface PlanOptions {
  /** A PSD file to use instead of an estimate; `settings.psdSha256` is its hash. */
  psd?: Uint8Array | undefined;
  /** Tolerated share of rejected inputs. */
  maxRejected: number;
  observer?: Observer;
  stop?: Stop | undefined;
}

/** Throws NotFoundError when the plan doesn't exist: it was finished, or its records were removed. */
export function readPlan(records: ObjectStore, id: string): Promise<Plan> {
  return readJson(records, planKey(id), planSchema);
}

/**
 * The plan that is under way (`resumed`), even if objects arrived since; otherwise a new plan of what the records lack;
 * undefined when they lack nothing. The caller holds the lease with this `token`.
 *
 * Throws InputError when labels or samples are missing, ConflictError when the place holds other records or labels of existing
 * records have changed, TooManyRejectedError, BusyError when the lease was lost, and StoppedError when `stop` is aborted. No new
 * plan is under way then.
 */
export async function planDataset(
  stores: Stores,
  settings: PlanSettings,
  token: string,
  options: PlanOptions,
): Promise<{ plan: Plan; resumed: boolean } | undefined> {
  const { raw, records } = stores;
  const { observer = {} } = options;
  const labelBytes = await readLabels(raw);
  const { labels, faults, repeated } = parseLabels(labelBytes, LABELS_KEY);
  if (repeated > 0) {
    observer.say?.(`skipped ${repeated} rows of ${LABELS_KEY} that repeat another row exactly`);
  }
  // Noted before anything is listed: an object that arrives while nothing is noted will be in the next plan's list.
  const id = ambient.token();
  const { content, plan: underWay } = await startPlanning(records, token, id);
  if (underWay !== undefined) {
    const plan = await readPlan(records, underWay);
    const index = await readIndex(records, plan.id);
    refuseOther(records, plan, settings, labels, (name) => index.find(name)?.label);
    return { plan, resumed: true };
  }
  const known = await readKnown(content, (plan) => readIndex(records, plan));
  if (content === undefined) await refuseForeign(records);
  else refuseOther(records, content, settings, labels, (name) => known.record(name)?.label);
  await removeSpent(records);
  const { refs, faults: unusable } = await listSamples(raw, labels, options);
  const allFaults = [...faults, ...unusable];
  const aligned = content === undefined && allFaults.length === 0 ? matchAligned(labels, refs) : undefined;
  const choice = aligned
    ? { samples: aligned, rejected: [] }
    : matchSamples(new Map(labels.map(({ id, target }) => [id, target])), refs, allFaults, known);
  checkChoice(raw, choice, settings, content === undefined, observer.say);
  if (content !== undefined && choice.samples.length === 0 && sameRows(choice.rejected, content.rejected)) {
    await endPlanning(records, id, undefined);
    return undefined;
  }
  const inputs = choice.samples.length + choice.rejected.length;
  await checkRejected(records, choice.rejected, countRecords(content) + inputs, options.maxRejected, content);
  const labelsSha256 = sha256(labelBytes).toString('hex');
  const plan = await writePlan(records, { id, settings, labelsSha256 }, content, choice, options.psd);
  await endPlanning(records, id, id);
  return { plan, resumed: false };
}

/** Throws InputError when the labels file is missing. */
export async function readLabels(raw: ObjectStore): Promise<Uint8Array> {
  try {
    return await raw.read(LABELS_KEY);
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    const found = error.instead ?? 'no such file';
    const needed = 'a CSV file with the columns id and target';
    throw new InputError({ object: `${raw.location}${LABELS_KEY}`, found, needed }, { cause: error });
  }
}

async function listSamples(
  raw: ObjectStore,
  labels: Label[],
  { observer = {}, stop }: PlanOptions,
): Promise<Catalog> {
  const onProgress = (done: number) => {
    observer.progress?.({ stage: 'list', done, total: Math.max(labels.length, done), unit: 'samples' });
    if (!stop?.aborted) return;
    throw new StoppedError(
      `${raw.location}: planning was stopped with ${done} samples listed; the next run starts it over. ` +
        'If the time limit is too short, pack the samples (upload --pack 1024): one object then holds 1,024 samples.',
    );
  };
  return catalogDataset(raw, { labels, accept: (key) => !key.startsWith(TEST_PREFIX), onProgress });
}

/** Writes the plan's folder: its lists, the index, and plan.json last. */
async function writePlan(
  records: ObjectStore,
  { id, settings, labelsSha256 }: Pick<Plan, 'id' | 'settings' | 'labelsSha256'>,
  content: Content | undefined,
  { samples, rejected }: Choice,
  psd: Uint8Array | undefined,
): Promise<Plan> {
  const chunks = cut(samples, settings.shardSize);
  const estimates = content === undefined && settings.psdSha256 === undefined;
  const noise = estimates ? cut(chooseNoise(samples, settings), PSD_CHUNK_SIZE) : [];
  const create = (key: string, bytes: Uint8Array) => records.write(key, bytes, { ifAbsent: true });
  const lists: [key: string, list: unknown][] = [
    ...chunks.map((chunk, index): [string, unknown] => [shardListKey(id, index), chunk]),
    ...noise.map((refs, index): [string, unknown] => [psdListKey(id, index), refs]),
    [rejectedListKey(id), rejected],
  ];
  await forEachAhead(lists, AT_ONCE, ([key, list]) => create(key, encodeJson(list)));
  if (psd !== undefined && content === undefined) await create(planPsdKey(id), psd);
  await create(indexKey(id), encodeIndex(samples));
  const identity = {
    settings: v.parse(settingsSchema, settings),
    labelsSha256,
    recipeHash: recipeHash(recipeOf(settings)),
    shards: chunks.map((chunk, position) => ({
      name: content === undefined ? shardName(position, chunks.length) : nameLaterShard(content, chunk),
      samples: chunk.length,
      ids: hashIds(chunk),
    })),
  };
  const rows = rejected.map(({ id, file, reason }) => [id, file, reason]);
  const plan: Plan = {
    ...identity,
    id,
    hash: sha256(JSON.stringify([identity, rows])).toString('hex'),
    inputs: samples.length + rejected.length,
    rejected: rejected.length,
    psdChunks: noise.length,
    psd: planPsdKey(content?.plans[0]?.id ?? id),
    files: samples.filter(({ ref }) => ref.kind === 'npy').length,
  };
  await create(planKey(id), encodeJson(plan));
  return plan;
}

/** The name of a shard made after the first plan: a hash of everything variable that its bytes depend on. */
export function nameLaterShard(
  { psdSha256 }: Pick<Content, 'psdSha256'>,
  samples: readonly LabelledRef[],
): string {
  const list = samples.map(({ ref, label }) => [ref.id, label, ref.key, ref.etag]);
  return addedShardName(sha256(JSON.stringify([psdSha256, list])).toString('hex'));
}

function cut<T>(list: T[], size: number): T[][] {
  const chunks: T[][] = [];
  for (let start = 0; start < list.length; start += size) chunks.push(list.slice(start, start + size));
  return chunks;
}
