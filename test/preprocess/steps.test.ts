import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { ambient } from '../../src/core/ambient.ts';
import { ConflictError, InputError, TooManyRejectedError } from '../../src/core/errors.ts';
import { encodeNpy } from '../../src/numpy/npy.ts';
import { createTaskRunner } from '../../src/preprocess/chunk-task.ts';
import { finalizePlan } from '../../src/preprocess/finalize.ts';
import type { Stores } from '../../src/preprocess/plan/plan.ts';
import { readManifest } from '../../src/preprocess/state/manifest.ts';
import { readMetadataIfPresent } from '../../src/preprocess/state/publish.ts';
import {
  indexKey,
  planKey,
  planPsdKey,
  psdListKey,
  shardListKey,
  shardResultKey,
} from '../../src/preprocess/state/record-keys.ts';
import { readShard } from '../../src/records/shard.ts';
import { sampleKey } from '../../src/simulate/layout.ts';
import { createFileStore } from '../../src/storage/file/file-store.ts';
import type { ObjectStore } from '../../src/storage/store.ts';
import { type Dataset, writeDataset, writeLabels } from '../support/dataset.ts';
import { scratch } from '../support/fixtures.ts';
import { createMemoryStore } from '../support/memory-store.ts';
import { estimatePsd, makePlan, needPlan, runSteps, runWhole, SETTINGS } from '../support/steps.ts';

async function prepare(samples = 20): Promise<{ stores: Stores; dataset: Dataset }> {
  const stores = { raw: createMemoryStore(), records: createMemoryStore() };
  return { stores, dataset: await writeDataset(stores.raw, samples) };
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

/** Ids and labels of all records, in their order. Checks each shard's hash against metadata.json. */
async function readRecordsOf(records: ObjectStore): Promise<[string | undefined, number][]> {
  const metadata = await readMetadataIfPresent(records);
  const rows: [string | undefined, number][] = [];
  for (const { name, sha256 } of metadata!.shards) {
    const bytes = await records.read(name);
    assert.equal(createHash('sha256').update(bytes).digest('hex'), sha256);
    for (const { id, label } of readShard(bytes, name)) rows.push([id, label]);
  }
  return rows;
}

const rowsOf = ({ ids, targets }: Dataset) => ids.map((id, i): [string, number] => [id, targets[i]!]);

/** Plan ids are random: this makes them the same in each run. */
function fixPlanIds(t: TestContext): void {
  t.mock.method(ambient, 'token', () => 'a-plan');
}

test('every sample becomes one record, in the order of the labels', async () => {
  const { stores, dataset } = await prepare();
  const metadata = await runWhole(stores);
  assert.equal(metadata.n_samples, 20);
  assert.equal(metadata.n_failed, 0);
  assert.deepEqual(
    metadata.shards.map(({ n_records }) => n_records),
    [8, 8, 4],
  );
  assert.deepEqual(await readRecordsOf(stores.records), rowsOf(dataset));
});

test('the order in which chunks are made changes no byte', async (t) => {
  fixPlanIds(t);
  const results: Map<string, string>[] = [];
  for (const order of [(all: number[]) => all, (all: number[]) => all.toReversed()]) {
    const { stores } = await prepare();
    const plan = await needPlan(stores);
    await runSteps(stores, plan, order);
    assert.equal((await finalizePlan(stores, plan.id, 0)).again, false);
    results.push(await contents(stores.records));
  }
  assert.deepEqual(results[1], results[0]);
});

test('folders and concurrent steps give the same bytes as stores in memory and one step at a time', async (t) => {
  fixPlanIds(t);
  // More than one piece, a short last piece, and a broken sample.
  const samples = 150;
  const settings = { ...SETTINGS, shardSize: 100 };
  const results: Map<string, string>[] = [];
  const folders = { raw: createFileStore(scratch(t)), records: createFileStore(scratch(t)) };
  for (const stores of [folders, { raw: createMemoryStore(), records: createMemoryStore() }]) {
    const { ids } = await writeDataset(stores.raw, samples);
    await stores.raw.write(sampleKey(ids[70]!), new Uint8Array(200));
    const plan = await needPlan(stores, settings);
    await estimatePsd(stores, plan);
    const run = createTaskRunner(stores);
    const shards = stores === folders ? [[0, 1]] : [[0], [1]];
    for (const together of shards) {
      await Promise.all(together.map((index) => run({ step: 'shard', plan: plan.id, index })));
    }
    await finalizePlan(stores, plan.id, 0.1);
    const all = await contents(stores.records);
    // These contain the versions of the raw objects.
    for (const key of ['_work/manifest.json', '_work/a-plan/samples.bin']) assert.ok(all.delete(key), key);
    results.push(all);
  }
  assert.equal(results[0]!.size, 6);
  assert.deepEqual(results[0], results[1]);
});

test('a repeated step leaves the same bytes', async () => {
  const { stores } = await prepare();
  const plan = await needPlan(stores);
  await runSteps(stores, plan);
  const once = await contents(stores.records);
  await stores.records.remove(shardResultKey(plan.id, 1));
  await runSteps(stores, plan);
  assert.deepEqual(await contents(stores.records), once);
});

test('a read that fails once fails its own task and no other', async () => {
  const { stores } = await prepare();
  const plan = await needPlan(stores);
  await estimatePsd(stores, plan);
  let failures = 1;
  const shaky: ObjectStore = {
    ...stores.records,
    async read(key, ...rest) {
      if (key === planKey(plan.id) && failures-- > 0) throw new Error('SlowDown');
      return stores.records.read(key, ...rest);
    },
  };
  const run = createTaskRunner({ ...stores, records: shaky });
  const task = { step: 'shard', plan: plan.id, index: 0 } as const;
  await assert.rejects(run(task), /SlowDown/);
  assert.deepEqual(await run(task), { done: 8, rejected: 0 });
});

test('a list that another version of chirpline wrote is refused, and the error says what to do', async () => {
  const { stores } = await prepare();
  const plan = await needPlan(stores);
  await stores.records.write(
    psdListKey(plan.id, 0),
    new TextEncoder().encode('{"samples":[],"versions":[]}'),
  );
  await assert.rejects(runSteps(stores, plan), {
    name: 'InputError',
    message:
      /lists\/psd-00000\.json: .*another version of chirpline made it, remove the folder and run again/,
  });
});

test('an object with the name of a shard is replaced before the plan is appended', async () => {
  const { stores, dataset } = await prepare();
  const plan = await needPlan(stores);
  await stores.records.write('train-00001-of-00003.tfrecord', new Uint8Array(10));
  await runSteps(stores, plan);
  await finalizePlan(stores, plan.id, 0);
  assert.deepEqual(await readRecordsOf(stores.records), rowsOf(dataset));
});

test('bad samples are rejected with a reason, and their neighbours are written', async () => {
  const { stores, dataset } = await prepare();
  const [truncated, broken, missing] = dataset.ids as [string, string, string];
  const whole = await stores.raw.read(sampleKey(truncated));
  await stores.raw.write(sampleKey(truncated), whole.subarray(0, 5000));
  const strain = new Float64Array(3 * 4096).fill(1e-21).map((value, index) => value * (index % 7));
  strain[4096 + 17] = Number.NaN;
  await stores.raw.write(sampleKey(broken), encodeNpy({ dtype: '<f8', shape: [3, 4096], data: strain }));
  await stores.raw.remove(sampleKey(missing));
  await stores.raw.write('train/f/f/f/ffffffffff.npy', whole);

  const metadata = await runWhole(stores);
  assert.equal(metadata.n_samples, 17);
  assert.equal(metadata.n_failed, 4);
  const rejected = await text(stores.records, 'rejected.csv');
  assert.match(rejected, new RegExp(`^${truncated},${sampleKey(truncated)},`, 'm'));
  assert.match(rejected, new RegExp(`^${broken},${sampleKey(broken)},"?NaN or Inf at L1\\[17\\]`, 'm'));
  assert.match(rejected, new RegExp(`^${missing},,no raw sample`, 'm'));
  assert.match(rejected, /^ffffffffff,train\/f\/f\/f\/ffffffffff\.npy,no label/m);
});

test('a run on finished records adds samples that arrived, were fixed or got a label since, and keeps the existing records', async () => {
  const { stores, dataset } = await prepare();
  const rows = rowsOf(dataset);
  const [late, broken, unlabelled] = [3, 9, 15].map((index) => dataset.ids[index]!) as [
    string,
    string,
    string,
  ];
  const wholes = new Map<string, Uint8Array>();
  for (const id of [late, broken]) wholes.set(id, await stores.raw.read(sampleKey(id)));
  await stores.raw.remove(sampleKey(late));
  await stores.raw.write(sampleKey(broken), wholes.get(broken)!.subarray(0, 5000));
  await writeLabels(
    stores.raw,
    rows.filter(([id]) => id !== unlabelled),
  );
  const first = await runWhole(stores);
  assert.deepEqual([first.n_samples, first.n_failed], [17, 3]);
  const psd = await stores.records.read('avg_psd.npz');

  for (const [id, bytes] of wholes) await stores.raw.write(sampleKey(id), bytes);
  await writeLabels(stores.raw, rows);
  const second = await runWhole(stores);
  assert.deepEqual([second.n_samples, second.n_failed], [20, 0]);
  assert.deepEqual(second.shards.slice(0, first.shards.length), first.shards);
  assert.match(second.shards.at(-1)!.name, /^added-[0-9a-f]{16}\.tfrecord$/);
  assert.deepEqual((await readRecordsOf(stores.records)).sort(), rows.toSorted());
  assert.deepEqual(await stores.records.read('avg_psd.npz'), psd);
  assert.equal(await text(stores.records, 'rejected.csv'), 'id,file,reason\n');
  assert.equal(await makePlan(stores), undefined);
});

test('an object that is overwritten or missing while it is read is taken by the next plan, as it is then', async () => {
  for (const [change, samples, failed] of [
    ['overwritten', 20, 0],
    ['removed', 19, 1],
  ] as const) {
    const { stores, dataset } = await prepare();
    const [id, other] = dataset.ids as [string, string];
    const plan = await needPlan(stores);
    await estimatePsd(stores, plan);
    if (change === 'removed') await stores.raw.remove(sampleKey(id));
    else await stores.raw.write(sampleKey(id), await stores.raw.read(sampleKey(other)));
    await runSteps(stores, plan);
    assert.equal((await finalizePlan(stores, plan.id, 0)).again, true, change);
    assert.equal(await stores.records.head('metadata.json'), undefined);
    const metadata = await runWhole(stores);
    assert.deepEqual([metadata.n_samples, metadata.n_failed], [samples, failed], change);
    assert.equal((await readManifest(stores.records)).content?.plans.length, 2);
  }
});

test('more rejected inputs than tolerated stop the run, and finished shards are kept', async () => {
  const { stores, dataset } = await prepare();
  await stores.raw.write(sampleKey(dataset.ids[0]!), new Uint8Array(200));
  await assert.rejects(runWhole(stores, SETTINGS, 0.01), (error: Error) => {
    assert.ok(error instanceof TooManyRejectedError);
    assert.match(error.message, /1 of 20 inputs/);
    return true;
  });
  assert.ok(await stores.records.head('train-00000-of-00003.tfrecord'));
  assert.equal(await stores.records.head('metadata.json'), undefined);
  assert.match(await text(stores.records, 'rejected.csv'), new RegExp(`^${dataset.ids[0]},`, 'm'));
  // A higher limit is all that the next run needs.
  const { n_samples, n_failed } = await runWhole(stores);
  assert.deepEqual([n_samples, n_failed], [19, 1]);
});

test('more unmatched inputs than tolerated leave no plan, and rejected.csv lists them', async () => {
  const { stores, dataset } = await prepare();
  await writeLabels(stores.raw, rowsOf(dataset).slice(0, 10));
  await assert.rejects(runWhole(stores, SETTINGS, 0.1), TooManyRejectedError);
  const { plan, content, lease } = await readManifest(stores.records);
  assert.deepEqual([plan, content, lease], [undefined, undefined, undefined]);
  assert.equal((await text(stores.records, 'rejected.csv')).match(/no label/g)?.length, 10);
  await writeLabels(stores.raw, rowsOf(dataset));
  assert.equal((await runWhole(stores, SETTINGS, 0.1)).n_samples, 20);
});

test('contradictory rows of the labels are rejected, and no other rows', async () => {
  const { stores, dataset } = await prepare();
  const rows = dataset.ids.map((id, index): [string, number | string] => [id, dataset.targets[index]!]);
  rows[3]![1] = 2;
  rows.push([dataset.ids[5]!, 1 - dataset.targets[5]!]);
  await writeLabels(stores.raw, rows);
  const metadata = await runWhole(stores);
  const rejected = (await text(stores.records, 'rejected.csv')).trim().split('\n').slice(1);
  assert.equal(metadata.n_failed, rejected.length);
  assert.equal(metadata.n_samples, 18);
});

test('the error for another recipe, dataset or dtype in the same place names the difference', async () => {
  const { stores } = await prepare();
  const other = { ...SETTINGS, dtype: 'float32' as const };
  const refusal = (error: Error) => {
    assert.ok(error instanceof ConflictError);
    assert.match(error.message, /dtype float16, not float32/);
    return true;
  };
  await needPlan(stores);
  await assert.rejects(makePlan(stores, other), refusal, 'while the plan is under way');
  await runWhole(stores);
  await assert.rejects(makePlan(stores, other), refusal);
});

test('the error for a changed label of a sample with a record or in a plan names the sample', async () => {
  const { stores, dataset } = await prepare();
  const rows = rowsOf(dataset);
  const changed: [string, number][] = [[rows[0]![0], 1 - rows[0]![1]], ...rows.slice(1)];
  const refusal = (error: Error) => {
    assert.ok(error instanceof ConflictError);
    assert.match(error.message, new RegExp(`^1 samples .* another label .*\\(first: ${rows[0]![0]}\\)`));
    return true;
  };
  await needPlan(stores);
  await writeLabels(stores.raw, changed);
  await assert.rejects(makePlan(stores), refusal, 'while the plan is under way');
  await writeLabels(stores.raw, rows);
  await runWhole(stores);
  await writeLabels(stores.raw, changed);
  await assert.rejects(makePlan(stores), refusal);
});

test('records stay when their raw files are overwritten or removed after the run', async () => {
  const { stores, dataset } = await prepare();
  const before = await runWhole(stores);
  await stores.raw.write(sampleKey(dataset.ids[0]!), await stores.raw.read(sampleKey(dataset.ids[1]!)));
  await stores.raw.remove(sampleKey(dataset.ids[2]!));
  assert.equal(await makePlan(stores), undefined);
  assert.deepEqual(await runWhole(stores), before);
});

test('the error for a missing shard of finished records names it', async () => {
  const { stores } = await prepare();
  await runWhole(stores);
  await stores.records.remove('train-00001-of-00003.tfrecord');
  await assert.rejects(runWhole(stores), (error: Error) => {
    assert.ok(error instanceof InputError);
    assert.match(error.message, /train-00001-of-00003\.tfrecord: found no such file/);
    return true;
  });
});

test('records without a manifest are refused, and their finished shards are kept', async () => {
  const { stores } = await prepare();
  await runWhole(stores);
  await stores.records.remove('_work/manifest.json');
  const before = await contents(stores.records);
  await assert.rejects(
    makePlan(stores),
    /holds train-00000-of-00003\.tfrecord without _work\/manifest\.json/,
  );
  before.delete('_work/manifest.json');
  const after = await contents(stores.records);
  after.delete('_work/manifest.json');
  assert.deepEqual(after, before);
});

test('missing noise samples, labels and samples each have an error, and leave no plan', async () => {
  const { stores, dataset } = await prepare();
  await writeLabels(
    stores.raw,
    dataset.ids.map((id) => [id, 1]),
  );
  await assert.rejects(makePlan(stores), /no noise-only sample/);
  await writeLabels(stores.raw, [['0000000000', 0]]);
  await assert.rejects(makePlan(stores), {
    name: 'InputError',
    message:
      /found only 0 of its 1 ids among the \d+ raw samples \(it has "0000000000", the samples have "\w{10}"\)/,
  });
  await writeLabels(stores.raw, [['0000000000', 5]]);
  await assert.rejects(
    makePlan(stores),
    /no raw sample with a label, and 21 rejected inputs.*Check the first rejected input: .*, no label/,
  );
  await stores.raw.remove('training_labels.csv');
  await assert.rejects(makePlan(stores), /training_labels\.csv: found no such file/);
  assert.equal((await readManifest(stores.records)).plan, undefined);
});

test('labels whose ids differ from the samples in case only are refused, and a few of them are told', async () => {
  const { stores, dataset } = await prepare();
  const rows = dataset.ids.map((id, index): [string, number] => [id, dataset.targets[index]!]);
  await writeLabels(
    stores.raw,
    rows.map(([id, target]) => [id.toUpperCase(), target]),
  );
  await assert.rejects(
    makePlan(stores),
    /training_labels\.csv: found only \d of its 20 ids .* differ only in upper and lower/,
  );
  const changed = rows.findIndex(([id]) => /[a-f]/.test(id));
  await writeLabels(
    stores.raw,
    rows.map(([id, target], index) => [index === changed ? id.toUpperCase() : id, target]),
  );
  const said: string[] = [];
  await makePlan(stores, SETTINGS, 0.5, { say: (line) => void said.push(line) });
  assert.match(
    said.join(),
    /ids of training_labels\.csv that no raw sample has: 1 differ only in upper and lower case/,
  );
});

test('the test folder of the competition is not used for training samples', async () => {
  const { stores, dataset } = await prepare();
  const bytes = await stores.raw.read(sampleKey(dataset.ids[0]!));
  await stores.raw.write('test/0/0/0/0000000000.npy', bytes);
  assert.equal((await runWhole(stores)).n_failed, 0);
});

test('the next plan removes what a crash left of finished plans and of plans given up, and nothing else', async () => {
  const { stores, dataset } = await prepare();
  const late = dataset.ids[4]!;
  const bytes = await stores.raw.read(sampleKey(late));
  await stores.raw.remove(sampleKey(late));
  await runWhole(stores);
  const work = async () =>
    [...(await contents(stores.records)).keys()].filter((key) => key.includes('_work'));
  const [first] = (await readManifest(stores.records)).content!.plans;
  const left = ['_work/manifest.json', indexKey(first!.id), planPsdKey(first!.id)].sort();
  assert.deepEqual(await work(), left);

  for (const key of [shardListKey(first!.id, 0), planKey('given-up'), indexKey('given-up')]) {
    await stores.records.write(key, new Uint8Array(1));
  }
  await stores.raw.write(sampleKey(late), bytes);
  const plan = await needPlan(stores);
  assert.deepEqual(
    (await work()).filter((key) => !key.includes(plan.id)),
    left,
  );
});

test('a plan is appended once, however often it is finished, sequentially or concurrently', async () => {
  const { stores } = await prepare();
  const plan = await needPlan(stores);
  await runSteps(stores, plan);
  const finish = async () => (await finalizePlan(stores, plan.id, 0)).again;
  assert.deepEqual(await Promise.all([finish(), finish(), finish()]), [false, false, false]);
  const once = await contents(stores.records);
  assert.equal(await finish(), false);
  assert.deepEqual(await contents(stores.records), once);
  const { content } = await readManifest(stores.records);
  assert.deepEqual([content?.plans, content?.shards.length], [[{ id: plan.id, without: [] }], 3]);
});
