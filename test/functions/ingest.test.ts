import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { createIngest } from '../../functions/ingest.ts';
import { encodeNpy } from '../../src/numpy/npy.ts';
import { finalizeRun } from '../../src/pipeline/finalize.ts';
import { planDataset } from '../../src/pipeline/plan.ts';
import { reducePsd } from '../../src/pipeline/psd.ts';
import { parseRejected } from '../../src/pipeline/rejected.ts';
import { createTaskRunner } from '../../src/pipeline/task.ts';
import { type Metadata, parseMetadata } from '../../src/records/metadata.ts';
import { readShard } from '../../src/records/shard.ts';
import { createMemoryStore } from '../../src/storage/memory.ts';
import type { ObjectStore } from '../../src/storage/store.ts';
import { type Dataset, writeDataset, writeLabels } from '../support/dataset.ts';
import { s3Event, sqsEvent, withTime } from './events.ts';
import { memoryDatasets } from './stores.ts';

const AMPLE = withTime(60_000);
/** The run has these; what comes later is taken from the rest. */
const IN_RUN = 8;

let samples: ObjectStore;
let dataset: Dataset;
before(async () => {
  samples = createMemoryStore();
  dataset = await writeDataset(samples, 14);
});

const rows = (count: number) =>
  dataset.ids.slice(0, count).map((id, i): [string, number] => [id, dataset.targets[i]!]);
const keyOf = (index: number) => {
  const id = dataset.ids[index]!;
  return `train/${id[0]}/${id[1]}/${id[2]}/${id}.npy`;
};

/** A dataset whose run has got as far as `until`, with labels for all samples, and the function over it. */
async function prepare(until: 'nothing' | 'psd' | 'end') {
  const open = memoryDatasets();
  const stores = open('tiny');
  for (let index = 0; index < IN_RUN; index += 1)
    await stores.raw.write(keyOf(index), await samples.read(keyOf(index)));
  await writeLabels(stores.raw, rows(IN_RUN));
  if (until !== 'nothing') {
    const plan = await planDataset(stores, {
      dataset: 'tiny',
      dtype: 'float16',
      shardSize: 8,
      psdSamples: 9,
      seed: 1,
    });
    const run = createTaskRunner(stores);
    await run({ step: 'psd', index: 0 });
    await reducePsd(stores, plan);
    if (until === 'end') {
      await run({ step: 'shard', index: 0 });
      await finalizeRun(stores, plan, 0);
    }
  }
  await writeLabels(stores.raw, rows(14));
  const ingest = createIngest(open);
  const send = (...keys: string[]) =>
    ingest(sqsEvent(...keys.map((key) => s3Event({ key: `raw/tiny/${key}` }))), AMPLE);
  const upload = async (index: number) => {
    await stores.raw.write(keyOf(index), await samples.read(keyOf(index)));
    return send(keyOf(index));
  };
  return { ...stores, send, upload };
}

const OK = { batchItemFailures: [] };
const AGAIN = { batchItemFailures: [{ itemIdentifier: 'm0' }] };

async function readMetadata(records: ObjectStore): Promise<Metadata> {
  return parseMetadata(new TextDecoder().decode(await records.read('metadata.json')), 'metadata.json');
}

async function idsOf(records: ObjectStore): Promise<(string | undefined)[]> {
  const ids: (string | undefined)[] = [];
  for (const { name } of (await readMetadata(records)).shards) {
    for (const { id } of readShard(await records.read(name), name)) ids.push(id);
  }
  return ids;
}

test('an object that comes after the run gets a shard of its own, once, however often its event comes', async () => {
  const { records, send, upload } = await prepare('end');
  assert.deepEqual(await upload(9), OK);
  assert.deepEqual(await send(keyOf(9), keyOf(9)), OK);
  const metadata = await readMetadata(records);
  assert.equal(metadata.n_samples, 9);
  assert.deepEqual(
    metadata.shards.map(({ n_records }) => n_records),
    [8, 1],
  );
  assert.match(metadata.shards[1]!.name, /^added-[0-9a-f]{16}\.tfrecord$/);
  assert.equal((await idsOf(records))[8], dataset.ids[9]);
});

test('objects that come at the same time are all there in the end', async () => {
  const { records, upload } = await prepare('end');
  const answers = await Promise.all([8, 9, 10, 11, 12, 13].map(upload));
  assert.deepEqual(answers, Array(6).fill(OK));
  assert.deepEqual((await idsOf(records)).sort(), dataset.ids);
});

test('before the PSD is there an object waits for the labels, and its message is done', async () => {
  const { records, upload } = await prepare('nothing');
  assert.deepEqual(await upload(9), OK);
  for await (const { key } of records.list('')) assert.fail(key);
});

test('while the run is on an object of it is known, and another one waits', async () => {
  const { send, upload } = await prepare('psd');
  assert.deepEqual(await send(keyOf(0)), OK);
  assert.deepEqual(await upload(9), AGAIN);
});

test('an object of the finished run, and one that is gone, change nothing', async () => {
  const { records, send } = await prepare('end');
  const before = await records.head('metadata.json');
  assert.deepEqual(await send(keyOf(0), 'train/gone.npy'), OK);
  assert.deepEqual(await records.head('metadata.json'), before);
});

test('an object without a label waits for it', async () => {
  const { raw, records, upload, send } = await prepare('end');
  await writeLabels(raw, rows(9));
  assert.deepEqual(await upload(12), AGAIN);
  await writeLabels(raw, rows(14));
  assert.deepEqual(await send(keyOf(12)), OK);
  assert.equal((await readMetadata(records)).n_samples, 9);
});

test('a bad object is rejected by name, and taken when it comes again mended', async () => {
  const { raw, records, send, upload } = await prepare('end');
  const bad = encodeNpy({ dtype: '<f8', shape: [3, 4096], data: new Float64Array(3 * 4096) });
  await raw.write(keyOf(9), bad);
  assert.deepEqual(await send(keyOf(9), keyOf(9)), OK);
  const metadata = await readMetadata(records);
  assert.deepEqual([metadata.n_samples, metadata.n_failed, metadata.shards.length], [8, 1, 1]);
  const rejected = async () => parseRejected(new TextDecoder().decode(await records.read('rejected.csv')));
  assert.deepEqual(
    (await rejected()).map(({ id }) => id),
    [dataset.ids[9]],
  );

  assert.deepEqual(await upload(9), OK);
  const mended = await readMetadata(records);
  assert.deepEqual([mended.n_samples, mended.n_failed, mended.shards.length], [9, 0, 2]);
  assert.deepEqual(await rejected(), []);
});

test('an object that was added and is overwritten is refused', async () => {
  const { raw, send, upload } = await prepare('end');
  await upload(9);
  await raw.write(keyOf(9), await samples.read(keyOf(10)));
  assert.deepEqual(await send(keyOf(9)), AGAIN);
});

test('a sample that comes under a second key is rejected, naming the shard that has it', async () => {
  const { raw, records, upload, send } = await prepare('end');
  await upload(9);
  const twin = `elsewhere/${dataset.ids[9]}.npy`;
  await raw.write(twin, await samples.read(keyOf(9)));
  assert.deepEqual(await send(twin), OK);
  const metadata = await readMetadata(records);
  assert.deepEqual([metadata.n_samples, metadata.n_failed], [9, 1]);
  const [row] = parseRejected(new TextDecoder().decode(await records.read('rejected.csv')));
  assert.equal(row?.file, twin);
  assert.match(row?.reason ?? '', /^its id is in added-[0-9a-f]{16}\.tfrecord already$/);
});

test('a kill between any two writes leaves what the next delivery completes', async () => {
  for (let allowed = 0; allowed < 3; allowed += 1) {
    const { raw, records } = await prepare('end');
    await raw.write(keyOf(9), await samples.read(keyOf(9)));
    let writes = 0;
    const dying: ObjectStore = {
      ...records,
      write: async (...args) => {
        if (writes === allowed) throw new Error('killed');
        writes += 1;
        return records.write(...args);
      },
    };
    const event = sqsEvent(s3Event({ key: `raw/tiny/${keyOf(9)}` }));
    const open = (store: ObjectStore) => () => ({ raw, records: store, models: createMemoryStore() });
    assert.deepEqual(await createIngest(open(dying))(event, AMPLE), AGAIN, `after ${allowed} writes`);
    assert.deepEqual(await createIngest(open(records))(event, AMPLE), OK);
    assert.deepEqual((await idsOf(records)).slice(8), [dataset.ids[9]]);
  }
});

test('a function without time fails its message and writes no shard', async () => {
  const { raw, records } = await prepare('end');
  await raw.write(keyOf(9), await samples.read(keyOf(9)));
  const ingest = createIngest(() => ({ raw, records, models: createMemoryStore() }));
  assert.deepEqual(await ingest(sqsEvent(s3Event({ key: `raw/tiny/${keyOf(9)}` })), withTime(0)), AGAIN);
  assert.equal((await readMetadata(records)).shards.length, 1);
});
