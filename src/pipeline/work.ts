/**
 * Where a run keeps what it has done so far: names under `_work/` beside the records.
 *
 * `_work/plan.json` is written last by the plan and says that all of `_work/plan/` is there. It stays when the run
 * is finished, so that a later run can tell whether it was asked for the same thing, and so do the members and what was
 * added; the rest is removed then.
 */
import { InputError, NotFoundError } from '../errors.ts';
import { type Metadata, parseMetadata } from '../records/metadata.ts';
import type { ObjectStore, WriteOptions } from '../storage/store.ts';

export const PLAN_KEY = '_work/plan.json';
export const LOCK_KEY = '_work/lock.json';
export const PSD_KEY = 'avg_psd.npz';
export const REJECTED_KEY = 'rejected.csv';
export const METADATA_KEY = 'metadata.json';
/** Which samples the plan holds, see members.ts, and which came later, see added.ts. Both stay. */
export const MEMBERS_KEY = '_work/members.bin';
export const ADDED_KEY = '_work/added.json';

const number = (index: number): string => String(index).padStart(5, '0');

export const planRejectedKey = '_work/plan/rejected.json';
export const shardPlanKey = (index: number): string => `_work/plan/shard-${number(index)}.json`;
export const psdPlanKey = (index: number): string => `_work/plan/psd-${number(index)}.json`;
export const psdPartialKey = (index: number): string => `_work/psd/${number(index)}.npy`;
export const shardResultKey = (index: number): string => `_work/shards/${number(index)}.json`;
export const SHARD_RESULT_PREFIX = '_work/shards/';
export const PSD_PARTIAL_PREFIX = '_work/psd/';

/** Small objects read, written or removed at once: what a store takes to answer is then waited for a few times only. */
export const AT_ONCE = 32;

/** What is removed when a run is finished. */
export const SPENT_PREFIXES = ['_work/plan/', PSD_PARTIAL_PREFIX, SHARD_RESULT_PREFIX];

/** The index in a key made by `shardResultKey` or `psdPartialKey`. */
export function indexOfKey(key: string): number {
  return Number.parseInt(key.slice(key.lastIndexOf('/') + 1), 10);
}

/** Reads JSON that a step of ours wrote. Throws NotFoundError when it isn't there, InputError when it is broken. */
export async function readJson<T>(store: ObjectStore, key: string): Promise<T> {
  const text = new TextDecoder().decode(await store.read(key));
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    const fields = {
      object: `${store.location}${key}`,
      found: 'no JSON',
      needed: 'what a run of chirpline left there',
    };
    throw new InputError({ ...fields, advice: 'Remove the whole folder and run again' }, { cause });
  }
}

/** Like readJson; undefined when it isn't there. */
export async function readJsonIfPresent<T>(store: ObjectStore, key: string): Promise<T | undefined> {
  try {
    return await readJson<T>(store, key);
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}

export async function writeJson(
  store: ObjectStore,
  key: string,
  value: unknown,
  options: WriteOptions = {},
): Promise<void> {
  await store.write(key, new TextEncoder().encode(`${JSON.stringify(value)}\n`), options);
}

/** The checked metadata of finished records; undefined when they have none. Throws InputError when it is broken. */
export async function readMetadataIfPresent(records: ObjectStore): Promise<Metadata | undefined> {
  if ((await records.head(METADATA_KEY)) === undefined) return undefined;
  return parseMetadata(
    new TextDecoder().decode(await records.read(METADATA_KEY)),
    `${records.location}${METADATA_KEY}`,
  );
}
