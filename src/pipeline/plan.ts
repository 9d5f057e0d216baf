/**
 * The plan: which samples there are, which of them estimate the PSD, and which shard each one goes to.
 *
 * It is deterministic: the same raw objects, labels and settings give the same plan on any machine. Large lists go
 * to the store, a file a chunk, so that a step reads only its own part.
 */
import { createHash, type Hash } from 'node:crypto';
import { ConflictError, InputError, NotFoundError, StoppedError } from '../errors.ts';
import { catalogDataset } from '../raw/catalog.ts';
import { parseLabels } from '../raw/labels.ts';
import type { SampleRef } from '../raw/sample-ref.ts';
import { recipeHash } from '../signal/recipe.ts';
import { forEachAhead } from '../storage/ahead.ts';
import { createListers, type ListPart } from '../storage/parts.ts';
import type { ObjectStore } from '../storage/store.ts';
import { encodeChunk, type LabelledRef } from './chunks.ts';
import { sha256 } from './digest.ts';
import { chooseNoise, matchLabels } from './match.ts';
import { encodeMembers, type Member } from './members.ts';
import type { Observer } from './progress.ts';
import { describeRejection, type Rejection, writeRejected } from './rejected.ts';
import type { Stop } from './stop.ts';
import {
  AT_ONCE,
  MEMBERS_KEY,
  METADATA_KEY,
  PLAN_KEY,
  PSD_KEY,
  planRejectedKey,
  psdPlanKey,
  readJsonIfPresent,
  shardPlanKey,
  writeJson,
} from './work.ts';

export const LABELS_KEY = 'training_labels.csv';
/** The competition's samples without labels lie beside those with; they are for `predict`. */
export const TEST_PREFIX = 'test/';

/** Samples summed by one PSD task. Fixed, since the order of summation is part of the result. */
export const PSD_CHUNK_SIZE = 512;

/** Where the raw samples are and where the records go. */
export interface Stores {
  raw: ObjectStore;
  records: ObjectStore;
}

export interface PlanSettings {
  dataset: string;
  dtype: 'float16' | 'float32';
  /** Samples of a shard, the last one's may be fewer. */
  shardSize: number;
  /** Noise samples that the PSD is averaged over, at most. */
  psdSamples: number;
  /** Chooses the noise samples. */
  seed: number;
  /** SHA-256 of a PSD file that is used in place of an estimate. */
  psdSha256?: string;
}

export interface Plan {
  settings: PlanSettings;
  /** Identity of what is to be made: settings, recipe, labels and the place of each sample. */
  hash: string;
  /** Identity of the raw objects' bytes as far as a listing shows it. */
  fingerprint: string;
  labelsSha256: string;
  recipeHash: string;
  /** Rows of the labels file and raw samples without one: each ends in a shard or in rejected.csv. */
  inputs: number;
  rejected: number;
  shards: number;
  psdChunks: number;
  /** Samples that are files of their own. */
  files: number;
}

interface PlanLists {
  shards: LabelledRef[][];
  psd: SampleRef[][];
  rejected: Rejection[];
}

export interface PlanOptions {
  observer?: Observer;
  /** Who list the raw objects; by default this thread. */
  listers?: readonly ListPart[];
  /** Who encodes the members while the lists are written; by default this thread. */
  encode?: (members: Member[]) => Promise<Uint8Array>;
  stop?: Stop | undefined;
}

/**
 * Lists the raw objects, matches them with the labels and writes the plan, unless it is there already.
 *
 * Throws InputError when there are no labels or no samples, ConflictError when the records' place holds another run,
 * StoppedError when it is time to stop before all is listed and written.
 */
export async function planDataset(
  stores: Stores,
  settings: PlanSettings,
  {
    observer = {},
    listers = createListers(stores.raw),
    encode = async (members) => encodeMembers(members),
    stop,
  }: PlanOptions = {},
): Promise<Plan> {
  const labelBytes = await readLabels(stores.raw);
  const { labels, faults } = parseLabels(labelBytes, LABELS_KEY);
  const report = (done: number) =>
    observer.progress?.({ stage: 'list', done, total: Math.max(labels.length, done), unit: 'samples' });
  report(0);
  const found = (done: number) => {
    if (stop?.aborted) throw outOfTime(stores.raw, `${done} samples listed`);
    report(done);
  };
  const {
    refs,
    faults: rawFaults,
    objects,
  } = await catalogDataset(stores.raw, {
    labels,
    accept: (key) => !key.startsWith(TEST_PREFIX),
    listers,
    onProgress: found,
  });

  const rejected: Rejection[] = [...faults, ...rawFaults];
  const samples = matchLabels(labels, refs, rejected);
  if (samples.length === 0) {
    throw new InputError({
      object: stores.raw.location,
      found: `${labels.length} labels and ${refs.length} raw samples, none of which belong together`,
      needed: `raw samples named by the ids in ${LABELS_KEY}`,
      ...(rejected[0] !== undefined && {
        advice: `The first one rejected: ${describeRejection(rejected[0])}`,
      }),
    });
  }
  const estimates = settings.psdSha256 === undefined;
  if (estimates && !samples.some(({ label }) => label === 0)) {
    throw new InputError({
      object: `${stores.raw.location}${LABELS_KEY}`,
      found: 'no noise-only sample (target 0)',
      needed: 'at least one to estimate the PSD from',
      advice: 'Give a PSD that was estimated elsewhere (--psd)',
    });
  }
  const lists: PlanLists = {
    shards: cut(samples, settings.shardSize),
    psd: estimates ? cut(chooseNoise(samples, settings), PSD_CHUNK_SIZE) : [],
    rejected,
  };
  const { records } = stores;
  const known = await readJsonIfPresent<Plan>(records, PLAN_KEY);
  if (known === undefined) await refuseOthersRecords(records);
  const members =
    known === undefined ? encode(samples.map(({ ref, label }) => ({ id: ref.id, label }))) : undefined;
  // A failure is thrown when the members are wanted; should something else fail before, nobody is interested.
  members?.catch(() => {});
  const etags = new Map(objects.map(({ key, etag }) => [key, etag]));
  const hash = createHash('sha256').update(describeSettings(settings)).update(labelBytes);
  await forEachAhead(encodeLists(lists, etags, hash), AT_ONCE, async ({ key, bytes }) => {
    if (stop?.aborted) throw outOfTime(stores.raw, `the plan written up to ${key}`);
    if (known === undefined) await records.write(key, bytes);
  });
  const plan: Plan = {
    settings,
    hash: hash.digest('hex'),
    fingerprint: hashTexts(objects.map(({ key, size, etag }) => `${key}\n${size}\n${etag}\n`)),
    labelsSha256: sha256(labelBytes).toString('hex'),
    recipeHash: recipeHash(),
    inputs: samples.length + rejected.length,
    rejected: rejected.length,
    shards: lists.shards.length,
    psdChunks: lists.psd.length,
    files: samples.reduce((sum, { ref }) => sum + (ref.kind === 'npy' ? 1 : 0), 0),
  };
  if (known !== undefined) {
    refuseOther(known, plan, records);
    return plan;
  }
  // Should it be too many, the run stops here, and somebody wants to know which.
  if (rejected.length > 0) await writeRejected(records, rejected);
  await records.write(MEMBERS_KEY, await members!);
  await writeJson(records, PLAN_KEY, plan);
  return plan;
}

function outOfTime(raw: ObjectStore, done: string): StoppedError {
  return new StoppedError(
    `${raw.location}: planning was stopped with ${done}, and begins anew the next time. ` +
      'If there was too little time, pack the samples (upload --pack 1024): 1,024 of them are then one object.',
  );
}

async function readLabels(raw: ObjectStore): Promise<Uint8Array> {
  try {
    return await raw.read(LABELS_KEY);
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    throw new InputError(
      {
        object: `${raw.location}${LABELS_KEY}`,
        found: 'no such file',
        needed: 'a CSV file with the columns id and target',
      },
      { cause: error },
    );
  }
}

function cut<T>(list: T[], size: number): T[][] {
  const chunks: T[][] = [];
  for (let start = 0; start < list.length; start += size) chunks.push(list.slice(start, start + size));
  return chunks;
}

function hashTexts(parts: Iterable<string>): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

function describeSettings(settings: PlanSettings): string {
  const { dataset, dtype, shardSize, psdSamples, seed, psdSha256 } = settings;
  return JSON.stringify({
    dataset,
    dtype,
    shardSize,
    psdSamples,
    seed,
    psdSha256,
    recipe: recipeHash(),
  });
}

/** The files of the lists, which are made one after another; what they list goes into the hash. */
function* encodeLists(
  { shards, psd, rejected }: PlanLists,
  etags: ReadonlyMap<string, string>,
  hash: Hash,
): Generator<{ key: string; bytes: Uint8Array }> {
  for (const [index, samples] of shards.entries()) {
    const text = JSON.stringify(samples);
    hash.update(text);
    const refs = samples.map(({ ref }) => ref);
    yield { key: shardPlanKey(index), bytes: encodeChunk(text, refs, etags) };
  }
  for (const [index, refs] of psd.entries()) {
    const text = JSON.stringify(refs);
    hash.update(text);
    yield { key: psdPlanKey(index), bytes: encodeChunk(text, refs, etags) };
  }
  const text = JSON.stringify(rejected);
  hash.update(text);
  yield { key: planRejectedKey, bytes: new TextEncoder().encode(`${text}\n`) };
}

/** Refuses to mix two runs in one place, and says in which respect they differ. */
function refuseOther(known: Plan, wanted: Plan, records: ObjectStore): void {
  const differences = Object.keys({ ...known.settings, ...wanted.settings })
    .map((name) => name as keyof PlanSettings)
    .filter((name) => known.settings[name] !== wanted.settings[name])
    .map((name) => `${name} ${known.settings[name] ?? 'none'}, not ${wanted.settings[name] ?? 'none'}`);
  if (known.recipeHash !== wanted.recipeHash) differences.push('another recipe');
  if (known.labelsSha256 !== wanted.labelsSha256) differences.push('other labels');
  if (known.hash !== wanted.hash && differences.length === 0) differences.push('other raw samples');
  if (known.hash === wanted.hash && known.fingerprint !== wanted.fingerprint) {
    differences.push('raw files that have been changed since');
  }
  if (differences.length === 0) return;
  throw new ConflictError(
    `${records.location} holds a run with ${differences.join('; ')}. Give another place, or remove it first.`,
  );
}

async function refuseOthersRecords(records: ObjectStore): Promise<void> {
  const made = (await records.head(METADATA_KEY)) ?? (await records.head(PSD_KEY));
  if (made === undefined) return;
  throw new ConflictError(
    `${records.location} holds ${made.key}, made by no run that left its plan there. Give another place, or remove it.`,
  );
}
