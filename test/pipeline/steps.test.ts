import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { ConflictError, TooManyRejectedError } from '../../src/errors.ts';
import { encodeNpy } from '../../src/numpy/npy.ts';
import { finalizeRun } from '../../src/pipeline/finalize.ts';
import { type Plan, type PlanSettings, planDataset, type Stores } from '../../src/pipeline/plan.ts';
import { reducePsd } from '../../src/pipeline/psd.ts';
import { createTaskRunner } from '../../src/pipeline/task.ts';
import { readShard } from '../../src/records/shard.ts';
import { sampleKey } from '../../src/simulate/layout.ts';
import { createFileStore } from '../../src/storage/file.ts';
import type { ObjectStore } from '../../src/storage/store.ts';
import { type Dataset, writeDataset, writeLabels } from '../support/dataset.ts';
import { scratch } from '../support/fixtures.ts';
import { createMemoryStore } from '../support/memory-store.ts';

const SETTINGS: PlanSettings = { dataset: 'tiny', dtype: 'float16', shardSize: 8, psdSamples: 100, seed: 1 };

async function prepare(samples = 20): Promise<{ stores: Stores; dataset: Dataset }> {
  const stores = { raw: createMemoryStore(), records: createMemoryStore() };
  return { stores, dataset: await writeDataset(stores.raw, samples) };
}

/** All map steps in the order given, as functions in the cloud might be called. */
async function runSteps(stores: Stores, plan: Plan, order = (index: number[]) => index): Promise<void> {
  const run = createTaskRunner(stores);
  for (const index of order([...Array(plan.psdChunks).keys()])) await run({ step: 'psd', index });
  await reducePsd(stores, plan);
  for (const index of order([...Array(plan.shards).keys()])) await run({ step: 'shard', index });
}

async function runAll(stores: Stores, maxRejected = 0.5) {
  const plan = await planDataset(stores, SETTINGS);
  await runSteps(stores, plan);
  return finalizeRun(stores, plan, maxRejected);
}

async function text(store: ObjectStore, key: string): Promise<string> {
  return new TextDecoder().decode(await store.read(key));
}

async function contents(store: ObjectStore): Promise<Map<string, string>> {
  const all = new Map<string, string>();
  for await (const { key } of store.list('')) {
    all.set(
      key,
      createHash('sha256')
        .update(await store.read(key))
        .digest('hex'),
    );
  }
  return all;
}

test('every sample becomes one record, in the order of the labels', async () => {
  const { stores, dataset } = await prepare();
  const metadata = await runAll(stores);
  assert.equal(metadata.n_samples, 20);
  assert.equal(metadata.n_failed, 0);
  assert.deepEqual(
    metadata.shards.map(({ n_records }) => n_records),
    [8, 8, 4],
  );
  const ids: unknown[] = [];
  const labels: unknown[] = [];
  for (const { name, sha256 } of metadata.shards) {
    const bytes = await stores.records.read(name);
    assert.equal(createHash('sha256').update(bytes).digest('hex'), sha256);
    for (const record of readShard(bytes, name)) {
      ids.push(record.id);
      labels.push(record.label);
    }
  }
  assert.deepEqual(ids, dataset.ids);
  assert.deepEqual(labels, dataset.targets);
});

test('the order in which chunks are done changes no byte', async () => {
  const first = await prepare();
  const plan = await planDataset(first.stores, SETTINGS);
  await runSteps(first.stores, plan);
  await finalizeRun(first.stores, plan, 0);
  const second = await prepare();
  await planDataset(second.stores, SETTINGS);
  await runSteps(second.stores, plan, (index) => index.reverse());
  await finalizeRun(second.stores, plan, 0);
  assert.deepEqual(await contents(second.stores.records), await contents(first.stores.records));
});

test('folders, read straight and written in pieces, and several steps at once give the bytes of one at a time', async (t) => {
  // More than a piece, the last of them short, with a broken sample.
  const samples = 150;
  const settings = { ...SETTINGS, shardSize: 100 };
  const results: Map<string, string>[] = [];
  const folders = { raw: createFileStore(scratch(t)), records: createFileStore(scratch(t)) };
  for (const stores of [folders, { raw: createMemoryStore(), records: createMemoryStore() }]) {
    const { ids } = await writeDataset(stores.raw, samples);
    await stores.raw.write(sampleKey(ids[70]!), new Uint8Array(200));
    const plan = await planDataset(stores, settings);
    const run = createTaskRunner(stores);
    await run({ step: 'psd', index: 0 });
    await reducePsd(stores, plan);
    const shards = stores === folders ? [[0, 1]] : [[0], [1]];
    for (const together of shards) {
      await Promise.all(together.map((index) => run({ step: 'shard', index })));
    }
    await finalizeRun(stores, plan, 0.1);
    const all = await contents(stores.records);
    // It has the raw objects' versions in it.
    all.delete('_work/plan.json');
    results.push(all);
  }
  assert.equal(results[0]!.size, 6);
  assert.deepEqual(results[0], results[1]);
});

test('a step done twice leaves the same bytes as one done once', async () => {
  const { stores } = await prepare();
  const plan = await planDataset(stores, SETTINGS);
  await runSteps(stores, plan);
  const once = await contents(stores.records);
  await stores.records.remove('_work/shards/00001.json');
  await runSteps(stores, plan);
  assert.deepEqual(await contents(stores.records), once);
});

test('a read that fails once costs its task and no other', async () => {
  const { stores } = await prepare();
  const plan = await planDataset(stores, SETTINGS);
  await createTaskRunner(stores)({ step: 'psd', index: 0 });
  await reducePsd(stores, plan);
  let failures = 1;
  const shaky: ObjectStore = {
    ...stores.records,
    async read(key, ...rest) {
      if (key === '_work/plan.json' && failures-- > 0) throw new Error('SlowDown');
      return stores.records.read(key, ...rest);
    },
  };
  const run = createTaskRunner({ ...stores, records: shaky });
  await assert.rejects(run({ step: 'shard', index: 0 }), /SlowDown/);
  assert.deepEqual(await run({ step: 'shard', index: 0 }), { done: 8, rejected: 0 });
});

test('a shard that is there with other bytes is a conflict, not a success', async () => {
  const { stores } = await prepare();
  const plan = await planDataset(stores, SETTINGS);
  await stores.records.write('train-00001-of-00003.tfrecord', new Uint8Array(10));
  await assert.rejects(runSteps(stores, plan), ConflictError);
});

test('bad samples are rejected with their reasons and their neighbours are written', async () => {
  const { stores, dataset } = await prepare();
  const [truncated, broken, missing] = dataset.ids as [string, string, string];
  const whole = await stores.raw.read(sampleKey(truncated));
  await stores.raw.write(sampleKey(truncated), whole.subarray(0, 5000));
  const strain = new Float64Array(3 * 4096).fill(1e-21).map((value, index) => value * (index % 7));
  strain[4096 + 17] = Number.NaN;
  await stores.raw.write(sampleKey(broken), encodeNpy({ dtype: '<f8', shape: [3, 4096], data: strain }));
  await stores.raw.remove(sampleKey(missing));
  await stores.raw.write('train/f/f/f/ffffffffff.npy', whole);

  const metadata = await runAll(stores);
  assert.equal(metadata.n_samples, 17);
  assert.equal(metadata.n_failed, 4);
  const rejected = await text(stores.records, 'rejected.csv');
  assert.match(rejected, new RegExp(`^${truncated},${sampleKey(truncated)},`, 'm'));
  assert.match(rejected, new RegExp(`^${broken},${sampleKey(broken)},"?NaN or Inf at L1\\[17\\]`, 'm'));
  assert.match(rejected, new RegExp(`^${missing},,no raw sample`, 'm'));
  assert.match(rejected, /^ffffffffff,train\/f\/f\/f\/ffffffffff\.npy,no label/m);
});

test('more rejected inputs than tolerated stop the run, and finished shards stay', async () => {
  const { stores, dataset } = await prepare();
  await stores.raw.write(sampleKey(dataset.ids[0]!), new Uint8Array(200));
  await assert.rejects(runAll(stores, 0.01), (error: Error) => {
    assert.ok(error instanceof TooManyRejectedError);
    assert.match(error.message, /1 of 20 inputs/);
    return true;
  });
  assert.ok(await stores.records.head('train-00000-of-00003.tfrecord'));
  assert.equal(await stores.records.head('metadata.json'), undefined);
});

test('rows of the labels that contradict each other cost only themselves', async () => {
  const { stores, dataset } = await prepare();
  const rows = dataset.ids.map((id, index): [string, number | string] => [id, dataset.targets[index]!]);
  rows[3]![1] = 2;
  rows.push([dataset.ids[5]!, 1 - dataset.targets[5]!]);
  await writeLabels(stores.raw, rows);
  const metadata = await runAll(stores);
  const rejected = (await text(stores.records, 'rejected.csv')).trim().split('\n').slice(1);
  assert.equal(metadata.n_failed, rejected.length);
  assert.equal(metadata.n_samples, 18);
});

test('another recipe, dataset or type in the same place is refused by name', async () => {
  const { stores } = await prepare();
  await runAll(stores);
  const other = planDataset(stores, { ...SETTINGS, dtype: 'float32' });
  await assert.rejects(other, (error: Error) => {
    assert.ok(error instanceof ConflictError);
    assert.match(error.message, /dtype float16, not float32/);
    return true;
  });
});

test('raw files that were changed after the plan are noticed', async () => {
  const { stores, dataset } = await prepare();
  await runAll(stores);
  await stores.raw.write(sampleKey(dataset.ids[0]!), await stores.raw.read(sampleKey(dataset.ids[1]!)));
  await assert.rejects(planDataset(stores, SETTINGS), ConflictError);
});

test('no noise sample, no labels and no samples are said each', async () => {
  const { stores, dataset } = await prepare();
  await writeLabels(
    stores.raw,
    dataset.ids.map((id) => [id, 1]),
  );
  await assert.rejects(planDataset(stores, SETTINGS), /no noise-only sample/);
  await writeLabels(stores.raw, [['0000000000', 0]]);
  await assert.rejects(planDataset(stores, SETTINGS), {
    name: 'InputError',
    message: /none of which belong together.*The first one rejected: 0000000000, no raw sample has this id/,
  });
  await stores.raw.remove('training_labels.csv');
  await assert.rejects(planDataset(stores, SETTINGS), /training_labels\.csv: found no such file/);
});

test('the test folder of the competition is not taken for training samples', async () => {
  const { stores, dataset } = await prepare();
  const bytes = await stores.raw.read(sampleKey(dataset.ids[0]!));
  await stores.raw.write('test/0/0/0/0000000000.npy', bytes);
  assert.equal((await runAll(stores)).n_failed, 0);
});
