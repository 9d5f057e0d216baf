/** A dataset and the functions on it, called one by one, for schedules that are written move by move. */
import assert from 'node:assert/strict';
import { createChunk } from '../../functions/chunk.ts';
import type { OpenDataset } from '../../functions/environment.ts';
import { createFinalize } from '../../functions/finalize.ts';
import { createIngest } from '../../functions/ingest.ts';
import { createPlan, type PlanAnswer } from '../../functions/plan.ts';
import { parseRejected } from '../../src/preprocess/state/rejected.ts';
import { parseMetadata } from '../../src/records/metadata.ts';
import { readShard } from '../../src/records/shard.ts';
import type { ObjectStore } from '../../src/storage/store.ts';
import { s3Event, sqsEvent, withTime } from '../functions/events.ts';
import { createMemoryStore } from '../support/memory-store.ts';
import { SETTINGS } from './cloud.ts';
import { labelsOf, makeSamples } from './samples.ts';

export const samples = await makeSamples();

const AMPLE = withTime(60_000);
export const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** A bucket with the first samples and labels, and the functions on it; `running` has the running executions. */
export async function prepare(there: number[], rows: number) {
  const raw = createMemoryStore();
  const records = createMemoryStore();
  const put = (index: number, bytes = samples.bytes[index]!) => raw.write(samples.keys[index]!, bytes);
  for (const index of there) await put(index);
  const putLabels = (count: number) => raw.write('training_labels.csv', labelsOf(samples, count));
  await putLabels(rows);
  const running = new Set<string>();

  /** Functions in their own environments, on these records. */
  const functions = (over: ObjectStore = records, maxRejected = 0.9) => {
    const open: OpenDataset = () => ({ raw, records: over, models: over });
    const settings = { ...SETTINGS, maxRejected };
    const chunk = (step: 'psd' | 'reduce' | 'shard') => createChunk(step, open);
    return {
      plan: (execution: string) =>
        createPlan(
          open,
          () => settings,
          async (other) => running.has(other),
        )({ dataset: 'd', execution }, AMPLE),
      psd: (plan: string, index: number) => chunk('psd')({ dataset: 'd', plan, index }, AMPLE),
      shard: (plan: string, index: number) => chunk('shard')({ dataset: 'd', plan, index }, AMPLE),
      reduce: (plan: string) => chunk('reduce')({ dataset: 'd', plan }, AMPLE),
      finalize: ({ id: plan, resumed }: PlanAnswer, execution: string) =>
        createFinalize(open, () => maxRejected)({ dataset: 'd', execution, plan, resumed }),
      /** Resolves to whether the message is done. */
      ingest: async (object: number | string) => {
        const key = typeof object === 'string' ? object : samples.keys[object];
        const event = sqsEvent(s3Event({ key: `raw/d/${key}` }));
        return (await createIngest(open)(event, AMPLE)).batchItemFailures.length === 0;
      },
    };
  };
  const f = functions();
  const list = async (key: string): Promise<number[]> =>
    JSON.parse(text(await records.read(key.replace('records/d/', '')))).map(
      ({ index }: { index: number }) => index,
    );
  const makePsd = async (answer: PlanAnswer) => {
    if (!answer.psdMissing) return;
    for (const index of await list(answer.psdChunks)) await f.psd(answer.id, index);
    await f.reduce(answer.id);
  };
  const makeShards = async (answer: PlanAnswer, skip: number[] = []) => {
    if (answer.shardCount === 0) return;
    for (const index of await list(answer.shards)) if (!skip.includes(index)) await f.shard(answer.id, index);
  };
  /** Runs an execution, with as many plans as it needs. */
  const run = async (execution: string, own = f) => {
    for (let again = true; again; ) {
      const answer = await own.plan(execution);
      await makePsd(answer);
      await makeShards(answer);
      again = (await own.finalize(answer, execution)).again;
    }
  };
  const metadata = async () => parseMetadata(await records.read('metadata.json'), 'metadata.json');
  const rejected = async () => parseRejected(text(await records.read('rejected.csv')));
  /** Checks that the samples of `expected` have one record each, that no others have one, and that the counts are right. */
  const check = async (expected: number[], rejectedIds: number[] = []) => {
    const { shards, n_samples, n_failed } = await metadata();
    const ids: (string | undefined)[] = [];
    for (const { name, n_records } of shards) {
      for (const { id } of readShard(await records.read(name), name, n_records)) ids.push(id);
    }
    const idsOf = (indices: number[]) => indices.map((index) => samples.ids[index]).sort();
    assert.deepEqual(ids.sort(), idsOf(expected));
    const rows = await rejected();
    assert.deepEqual(rows.map(({ id }) => id).sort(), idsOf(rejectedIds), JSON.stringify(rows));
    assert.deepEqual([n_samples, n_failed], [expected.length, rejectedIds.length]);
  };
  return {
    raw,
    records,
    put,
    putLabels,
    running,
    functions,
    f,
    makePsd,
    makeShards,
    run,
    rejected,
    metadata,
    check,
    list,
  };
}

/** A view of the store whose first call that `isIt` accepts waits until `go` is called; `reached` resolves when it waits. */
export function pausing(store: ObjectStore, isIt: (call: 'write' | 'read' | 'head', key: string) => boolean) {
  let go!: () => void;
  let arrive!: () => void;
  const gate = new Promise<void>((resolve) => {
    go = resolve;
  });
  const reached = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  let waited = false;
  const wait = async (call: 'write' | 'read' | 'head', key: string) => {
    if (waited || !isIt(call, key)) return;
    waited = true;
    arrive();
    await gate;
  };
  const paused: ObjectStore = {
    ...store,
    write: async (key, bytes, options) => {
      await wait('write', key);
      return store.write(key, bytes, options);
    },
    read: async (key, ...rest) => {
      await wait('read', key);
      return store.read(key, ...rest);
    },
    head: async (key) => {
      await wait('head', key);
      return store.head(key);
    },
  };
  return { paused, go, reached };
}

/** A view of the store whose writes of the keys that `isIt` accepts never end: the caller dies there. */
export function dying(store: ObjectStore, isIt: (key: string) => boolean): ObjectStore {
  return {
    ...store,
    write: (key, bytes, options) => (isIt(key) ? new Promise(() => {}) : store.write(key, bytes, options)),
  };
}

/** Resolves when the call has died at its first write of a key that `isIt` accepts. */
export function dieAt(
  store: ObjectStore,
  isIt: (key: string) => boolean,
  call: (store: ObjectStore) => Promise<unknown>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const dies = (key: string) => {
      const now = isIt(key);
      if (now) resolve();
      return now;
    };
    call(dying(store, dies)).catch(reject);
  });
}

export const range = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => from + index);
export const settled = () => new Promise((resolve) => setTimeout(resolve, 50));
