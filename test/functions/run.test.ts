import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { createChunk } from '../../functions/chunk.ts';
import { createFinalize } from '../../functions/finalize.ts';
import { createPlan, type RunSettings } from '../../functions/plan.ts';
import { createReduce } from '../../functions/reduce.ts';
import { CLAIM_KEY, isPlanning } from '../../src/cloud/claim.ts';
import { uploadFolder } from '../../src/cloud/upload.ts';
import { ConflictError, InputError, StoppedError, TooManyRejectedError } from '../../src/errors.ts';
import { PLAN_KEY, readJson } from '../../src/pipeline/work.ts';
import { sampleKey } from '../../src/simulate/layout.ts';
import type { ObjectStore } from '../../src/storage/store.ts';
import { type Dataset, writeDataset, writeLabels } from '../support/dataset.ts';
import { createMemoryStore } from '../support/memory-store.ts';
import { withTime } from './events.ts';
import { memoryDatasets } from './stores.ts';

const SETTINGS: RunSettings = {
  dtype: 'float16',
  shardSize: 8,
  psdSamples: 100,
  seed: 1,
  maxRejected: 0.2,
  train: false,
};
const AMPLE = withTime(60_000);
const running = new Set<string>();

let samples: ObjectStore;
let dataset: Dataset;
before(async () => {
  samples = createMemoryStore();
  dataset = await writeDataset(samples, 20);
});

/** A copy of the raw samples in a bucket of its own, and the functions over it. */
async function prepare() {
  const open = memoryDatasets();
  const { raw, records } = open('tiny');
  for await (const { key } of samples.list('')) await raw.write(key, await samples.read(key));
  const planning = createPlan(
    open,
    () => SETTINGS,
    async (execution) => running.has(execution),
  );
  const plan = (event: { dataset: string; execution: string }, time = AMPLE) => planning(event, time);
  const reduce = createReduce(open);
  const finalize = createFinalize(open, () => SETTINGS.maxRejected);
  const steps = { psd: createChunk('psd', open), shard: createChunk('shard', open) };
  const map = async (step: 'psd' | 'shard', list: string, skip: number[] = []) => {
    const items = await readJson<{ index: number }[]>(records, list.replace('records/tiny/', ''));
    for (const { index } of items)
      if (!skip.includes(index)) await steps[step]({ dataset: 'tiny', index }, AMPLE);
    return items.map(({ index }) => index);
  };
  const run = async (execution: string, skip: number[] = [], afterPlan = async () => {}) => {
    const answer = await plan({ dataset: 'tiny', execution });
    await afterPlan();
    const psdChunks = await map('psd', answer.psdChunks);
    await reduce({ dataset: 'tiny' });
    const shards = await map('shard', answer.shards, skip);
    return { psdChunks, shards, summary: await finalize({ dataset: 'tiny' }) };
  };
  return { raw, records, plan, steps, run };
}

test('the functions in their order make the records of a dataset', async () => {
  const { records, run } = await prepare();
  const { summary, psdChunks, shards } = await run('first');
  assert.deepEqual(summary, { samples: 20, rejected: 0, shards: 3 });
  assert.deepEqual([psdChunks, shards], [[0], [0, 1, 2]]);
  assert.equal(await records.head(CLAIM_KEY), undefined);
});

test('a run after one that lacks a chunk makes that chunk alone', async () => {
  const { run } = await prepare();
  await assert.rejects(run('first', [1]), (error: Error) => {
    assert.ok(error instanceof ConflictError);
    assert.match(error.message, /1 of 3 shards .* are missing \(1\)/);
    return true;
  });
  const again = await run('second');
  assert.deepEqual([again.psdChunks, again.shards], [[], [1]]);
  assert.equal(again.summary.samples, 20);
});

test('a run of finished records does nothing, and new labels may only be added', async () => {
  const { raw, run } = await prepare();
  await run('first');
  const rows = dataset.ids.map((id, index): [string, number] => [id, dataset.targets[index]!]);
  await writeLabels(raw, [...rows, ['ffffffffff', 1]]);
  const again = await run('second');
  assert.deepEqual([again.psdChunks, again.shards], [[], []]);
  assert.deepEqual(again.summary, { samples: 20, rejected: 0, shards: 3 });

  await writeLabels(raw, [[rows[0]![0], 1 - rows[0]![1]], ...rows.slice(1)]);
  await assert.rejects(
    run('third'),
    (error: Error) => error instanceof ConflictError && /1 samples .* another label/.test(error.message),
  );
});

test('labels replaced while a run is on are refused', async () => {
  const { raw, plan } = await prepare();
  await plan({ dataset: 'tiny', execution: 'first' });
  await writeLabels(raw, [
    [dataset.ids[0]!, 0],
    [dataset.ids[1]!, 0],
  ]);
  await assert.rejects(
    plan({ dataset: 'tiny', execution: 'second' }),
    (error: Error) => error instanceof ConflictError && /other labels/.test(error.message),
  );
});

test('a second run is refused while the first one is on, and takes over when that has ended', async () => {
  const { plan } = await prepare();
  running.add('first');
  await plan({ dataset: 'tiny', execution: 'first' });
  await plan({ dataset: 'tiny', execution: 'first' });
  await assert.rejects(
    plan({ dataset: 'tiny', execution: 'second' }),
    (error: Error) => error instanceof ConflictError && /being made by first/.test(error.message),
  );
  running.delete('first');
  await plan({ dataset: 'tiny', execution: 'second' });
});

test('a function whose time runs out stops cleanly, writes nothing and says what is left', async () => {
  const { records, plan, steps } = await prepare();
  await plan({ dataset: 'tiny', execution: 'first' });
  await assert.rejects(steps.psd({ dataset: 'tiny', index: 0 }, withTime(0)), (error: Error) => {
    assert.ok(error instanceof StoppedError);
    assert.match(error.message, /of \d+ samples left/);
    return true;
  });
  for await (const { key } of records.list('_work/psd/')) assert.fail(`${key} was written`);
});

test('a plan whose time runs out says how far it came, and the next one makes the same', async () => {
  const { records, plan } = await prepare();
  await assert.rejects(
    plan({ dataset: 'tiny', execution: 'first' }, withTime(0)),
    (error: Error) => error instanceof StoppedError && /20 samples listed.*pack/.test(error.message),
  );
  assert.equal(await records.head(PLAN_KEY), undefined);
  assert.equal((await plan({ dataset: 'tiny', execution: 'first' })).shardsLeft, 3);
});

test('a plan counts what is left, so that maps of nothing can be left out', async () => {
  const { plan, run, steps } = await prepare();
  const count = async (execution: string) => {
    const { psdChunksLeft, psdMissing, shardsLeft } = await plan({ dataset: 'tiny', execution });
    return { psdChunksLeft, psdMissing, shardsLeft };
  };
  assert.deepEqual(await count('first'), { psdChunksLeft: 1, psdMissing: true, shardsLeft: 3 });
  // Its only chunk is summed, but not averaged.
  await steps.psd({ dataset: 'tiny', index: 0 }, AMPLE);
  assert.deepEqual(await count('second'), { psdChunksLeft: 0, psdMissing: true, shardsLeft: 3 });
  await assert.rejects(run('third', [1]), ConflictError);
  assert.deepEqual(await count('fourth'), { psdChunksLeft: 0, psdMissing: false, shardsLeft: 1 });
  await run('fifth');
  assert.deepEqual(await count('sixth'), { psdChunksLeft: 0, psdMissing: false, shardsLeft: 0 });
});

test('a plan says whether most samples are files of their own', async () => {
  const open = memoryDatasets();
  const plan = createPlan(
    open,
    () => SETTINGS,
    async () => false,
  );
  const layouts: [name: string, perPack: number, files: boolean][] = [
    ['single', 1, true],
    ['packed', 8, false],
  ];
  for (const [name, perPack, files] of layouts) {
    await uploadFolder(samples, open(name).raw, { perPack });
    assert.equal((await plan({ dataset: name, execution: name }, AMPLE)).files, files, name);
  }
  // Packs of 8 beside the files of the others.
  const packs: string[] = [];
  for await (const { key } of open('packed').raw.list('')) if (key.endsWith('.tar')) packs.push(key);
  for (const [name, count, files] of [
    ['files', 1, true],
    ['packs', 2, false],
  ] as const) {
    const { raw } = open(name);
    for await (const { key } of samples.list('')) await raw.write(key, await samples.read(key));
    for (const id of dataset.ids.slice(0, 8 * count)) await raw.remove(sampleKey(id));
    for (const key of packs.slice(0, count)) await raw.write(key, await open('packed').raw.read(key));
    assert.equal((await plan({ dataset: name, execution: name }, AMPLE)).files, files, name);
  }
});

test('an object that vanishes after the plan is rejected by name, and its neighbours are written', async () => {
  const { raw, records, run } = await prepare();
  const id = dataset.ids[3]!;
  const { summary } = await run('first', [], async () => {
    for await (const { key } of raw.list('')) if (key.endsWith(`${id}.npy`)) await raw.remove(key);
  });
  assert.deepEqual(summary, { samples: 19, rejected: 1, shards: 3 });
  const rejected = new TextDecoder().decode(await records.read('rejected.csv'));
  assert.match(rejected, new RegExp(`^${id},.*no such object$`, 'm'));
});

test('an object overwritten after the plan is rejected by name, and its neighbours are written', async () => {
  const { raw, records, run } = await prepare();
  const [id, other] = [dataset.ids[3]!, dataset.ids[4]!];
  const keyOf = (name: string) => `train/${name[0]}/${name[1]}/${name[2]}/${name}.npy`;
  const { summary } = await run('first', [], async () => {
    await raw.write(keyOf(id), await raw.read(keyOf(other)), {
      ifMatch: (await raw.head(keyOf(id)))!.etag,
    });
  });
  assert.deepEqual(summary, { samples: 19, rejected: 1, shards: 3 });
  const rejected = new TextDecoder().decode(await records.read('rejected.csv'));
  assert.match(rejected, new RegExp(`^${id},${keyOf(id)},the object was changed after the plan$`, 'm'));
});

test('a dataset without labels is an answer and no bug, and planning is over with it', async () => {
  const { raw, records, plan } = await prepare();
  await raw.remove('training_labels.csv');
  await assert.rejects(plan({ dataset: 'tiny', execution: 'first' }), InputError);
  assert.equal(await isPlanning(records), false);
});

test('from before the raw objects are listed until the plan is there, it can be told that they are', async () => {
  const open = memoryDatasets();
  const { raw, records } = open('tiny');
  for await (const { key } of samples.list('')) await raw.write(key, await samples.read(key));
  let asked = 0;
  const watched: ObjectStore = {
    ...raw,
    async *list(prefix) {
      asked += 1;
      assert.equal(await isPlanning(records), true);
      yield* raw.list(prefix);
      assert.equal(await isPlanning(records), true);
    },
  };
  const plan = createPlan(
    () => ({ ...open('tiny'), raw: watched }),
    () => SETTINGS,
    async () => true,
  );
  await plan({ dataset: 'tiny', execution: 'first' }, withTime(60_000));
  assert.ok(asked > 0);
  assert.ok(await records.head('_work/plan.json'));
});

test('too many inputs without a partner end the run at its plan', async () => {
  const { raw, plan } = await prepare();
  const rows = dataset.ids.slice(0, 10).map((id): [string, number] => [id, 0]);
  await writeLabels(raw, rows);
  await assert.rejects(plan({ dataset: 'tiny', execution: 'first' }), TooManyRejectedError);
});
