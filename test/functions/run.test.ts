import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { createChunk } from '../../functions/chunk.ts';
import { createFinalize } from '../../functions/finalize.ts';
import { createPlan, type PlanAnswer, type RunSettings } from '../../functions/plan.ts';
import { uploadFolder } from '../../src/cloud/upload/uploader.ts';
import { ConflictError, InputError, StoppedError, TooManyRejectedError } from '../../src/core/errors.ts';
import { readPlan } from '../../src/preprocess/plan/plan.ts';
import { readManifest } from '../../src/preprocess/state/manifest.ts';
import { psdPartialKey, psdPartialPrefix, shardResultKey } from '../../src/preprocess/state/record-keys.ts';
import { sampleKey } from '../../src/simulate/layout.ts';
import type { ObjectInfo, ObjectStore } from '../../src/storage/store.ts';
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
  trainAfterRun: false,
};
const AMPLE = withTime(60_000);
const running = new Set<string>();

let samples: ObjectStore;
let dataset: Dataset;
before(async () => {
  samples = createMemoryStore();
  dataset = await writeDataset(samples, 20);
});

const resultKeys = { psd: psdPartialKey, shard: shardResultKey };

/** A copy of the raw samples in its own bucket, and the functions on it. */
async function prepare() {
  const open = memoryDatasets();
  const { raw, records } = open('tiny');
  for await (const { key } of samples.list('')) await raw.write(key, await samples.read(key));
  const planning = createPlan(
    open,
    () => SETTINGS,
    async (execution) => running.has(execution),
  );
  const plan = (execution: string, time = AMPLE) => planning({ dataset: 'tiny', execution }, time);
  const reduce = createChunk('reduce', open);
  const finalizing = createFinalize(open, () => SETTINGS.maxRejected);
  const finalize = (execution: string, { id, resumed }: Pick<PlanAnswer, 'id' | 'resumed'>) =>
    finalizing({ dataset: 'tiny', execution, plan: id, resumed });
  const steps = { psd: createChunk('psd', open), shard: createChunk('shard', open) };
  const map = async (step: 'psd' | 'shard', id: string, list: string, skip: number[] = []) => {
    const bytes = await records.read(list.replace('records/tiny/', ''));
    const items: { index: number }[] = JSON.parse(new TextDecoder().decode(bytes));
    const made: number[] = [];
    for (const { index } of items) {
      if ((await records.head(resultKeys[step](id, index))) === undefined) made.push(index);
      if (!skip.includes(index)) await steps[step]({ dataset: 'tiny', plan: id, index }, AMPLE);
    }
    return made;
  };
  /** One pass through the state machine's choices: what was made, and the summary. */
  const round = async (execution: string, skip: number[] = [], afterPlan = async () => {}) => {
    const answer = await plan(execution);
    await afterPlan();
    const { id, psdMissing, shardCount } = answer;
    const psdChunks = psdMissing ? await map('psd', id, answer.psdChunks) : [];
    if (psdMissing) await reduce({ dataset: 'tiny', plan: id }, AMPLE);
    const shards = shardCount > 0 ? await map('shard', id, answer.shards, skip) : [];
    return { psdChunks, shards, summary: await finalize(execution, answer) };
  };
  /** All rounds of an execution. */
  const run = async (execution: string, skip: number[] = [], afterPlan = async () => {}) => {
    const rounds = [await round(execution, skip, afterPlan)];
    while (rounds.at(-1)!.summary.again) rounds.push(await round(execution));
    return rounds;
  };
  return { raw, records, plan, finalize, steps, round, run };
}

const DONE = { again: false, samples: 20, rejected: 0, shards: 3 };
const labelRows = () => dataset.ids.map((id, index): [string, number] => [id, dataset.targets[index]!]);

test('the functions in order make the records of a dataset, and release the lease', async () => {
  const { records, run } = await prepare();
  assert.deepEqual(await run('first'), [{ psdChunks: [0], shards: [0, 1, 2], summary: DONE }]);
  const { lease, plan } = await readManifest(records);
  assert.deepEqual([lease, plan], [undefined, undefined]);
});

test('a run after one that lacks a chunk makes only that chunk, and checks whether more has arrived', async () => {
  const { run } = await prepare();
  await assert.rejects(run('first', [1]), (error: Error) => {
    assert.ok(error instanceof ConflictError);
    assert.match(error.message, /1 of 3 shards .* are missing \(1\)/);
    return true;
  });
  assert.deepEqual(await run('second'), [
    { psdChunks: [], shards: [1], summary: { ...DONE, again: true } },
    { psdChunks: [], shards: [], summary: DONE },
  ]);
});

test('a run on finished records adds samples that got a label since, and keeps the other records', async () => {
  const { raw, run } = await prepare();
  await writeLabels(raw, labelRows().slice(0, -1));
  const [first] = await run('first');
  assert.deepEqual(first?.summary, { ...DONE, samples: 19, rejected: 1 });
  const nothing = { psdChunks: [], shards: [], summary: first.summary };
  assert.deepEqual(await run('again'), [nothing]);

  await writeLabels(raw, [...labelRows(), ['ffffffffff', 1]]);
  const summary = { again: false, samples: 20, rejected: 1, shards: 4 };
  assert.deepEqual(await run('second'), [{ psdChunks: [], shards: [0], summary }]);

  const [[id, target], ...rest] = labelRows() as [[string, number]];
  await writeLabels(raw, [[id, 1 - target], ...rest]);
  await assert.rejects(
    run('third'),
    (error: Error) => error instanceof ConflictError && /1 samples .* another label/.test(error.message),
  );
});

test('labels added during a run are used by the next plan, and changed labels are refused', async () => {
  const { raw, plan, run } = await prepare();
  await writeLabels(raw, labelRows().slice(0, 17));
  await plan('first');
  const [[id, target], ...rest] = labelRows() as [[string, number]];
  await writeLabels(raw, [[id, 1 - target], ...rest]);
  await assert.rejects(
    plan('second'),
    (error: Error) => error instanceof ConflictError && /another label/.test(error.message),
  );
  await writeLabels(raw, labelRows());
  const rounds = await run('third');
  assert.deepEqual(
    rounds.map(({ shards, summary: { samples } }) => [shards, samples]),
    [
      [[0, 1, 2], 17],
      [[0], 20],
    ],
  );
});

test('a second run is told to wait for the first one, and takes over when the first one has ended', async () => {
  const { records, plan, run } = await prepare();
  running.add('first');
  await plan('first');
  await plan('first');
  assert.equal((await plan('second')).busy, true);
  running.delete('first');
  await run('second');
  assert.equal((await readManifest(records)).lease, undefined);
});

test("a stopped run does not release another run's lease", async () => {
  const { raw, records, plan, finalize, round } = await prepare();
  await writeLabels(raw, labelRows().slice(0, 18));
  const { id } = await plan('first');
  await round('first');
  await writeLabels(raw, labelRows());
  await plan('second');
  // The last function of the first run is late.
  const { again, samples } = await finalize('first', { id, resumed: false });
  assert.deepEqual([again, samples], [false, 18]);
  assert.equal((await readManifest(records)).lease?.token, 'second');
});

test('a chunk of a plan that was appended, or was never under way, is refused', async () => {
  const { run, plan, steps } = await prepare();
  const { id } = await plan('first');
  await run('first');
  for (const plan of [id, 'another']) {
    await assert.rejects(
      steps.shard({ dataset: 'tiny', plan, index: 0 }, AMPLE),
      (error: Error) =>
        error instanceof ConflictError && error.message.includes(`plan ${plan} is not under way`),
    );
  }
});

test('a function that runs out of time stops cleanly, writes nothing and reports what is left', async () => {
  const { records, plan, steps } = await prepare();
  const { id } = await plan('first');
  await assert.rejects(steps.psd({ dataset: 'tiny', plan: id, index: 0 }, withTime(0)), (error: Error) => {
    assert.ok(error instanceof StoppedError);
    assert.match(error.message, /of \d+ samples left/);
    return true;
  });
  for await (const { key } of records.list(psdPartialPrefix(id))) assert.fail(`${key} was written`);
});

test('planning that runs out of time reports how far it got and leaves no plan, and the next call makes one', async () => {
  const { records, plan } = await prepare();
  await assert.rejects(
    plan('first', withTime(0)),
    (error: Error) => error instanceof StoppedError && /20 samples listed.*pack/.test(error.message),
  );
  const manifest = await readManifest(records);
  assert.deepEqual([manifest.plan, manifest.lease], [undefined, undefined]);
  const { shardCount, resumed } = await plan('first');
  assert.deepEqual([shardCount, resumed], [3, false]);
});

test('a plan says what there is to do, so that empty maps can be skipped', async () => {
  const { plan, run, round, steps } = await prepare();
  const look = async (execution: string) => {
    const { psdMissing, shardCount, resumed } = await plan(execution);
    return { psdMissing, shardCount, resumed };
  };
  assert.deepEqual(await look('first'), { psdMissing: true, shardCount: 3, resumed: false });
  // Its only chunk is summed, but not averaged: it isn't summed again.
  const { id } = await plan('first');
  await steps.psd({ dataset: 'tiny', plan: id, index: 0 }, AMPLE);
  assert.deepEqual(await look('second'), { psdMissing: true, shardCount: 3, resumed: true });
  const { psdChunks, shards } = await round('second');
  assert.deepEqual([psdChunks, shards], [[], [0, 1, 2]]);
  await run('third');
  assert.deepEqual(await look('fourth'), { psdMissing: false, shardCount: 0, resumed: false });
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
  // Packs of 8 samples, and the other samples as files.
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

test('an object that disappears after the plan is rejected with its id, and its neighbours are written', async () => {
  const { raw, records, run } = await prepare();
  const id = dataset.ids[3]!;
  const rounds = await run('first', [], () => raw.remove(sampleKey(id)));
  // The second plan finds that it is gone for good.
  assert.deepEqual(
    rounds.map(({ summary }) => summary.again),
    [true, false],
  );
  assert.deepEqual(rounds[1]?.summary, { ...DONE, samples: 19, rejected: 1 });
  const rejected = new TextDecoder().decode(await records.read('rejected.csv'));
  assert.match(rejected, new RegExp(`^${id},,no raw sample has this id$`, 'm'));
});

test('an object overwritten after the plan is taken by the next plan, in its new version', async () => {
  const { raw, records, run } = await prepare();
  const [id, other] = [dataset.ids[3]!, dataset.ids[4]!];
  const rounds = await run('first', [], async () => {
    await raw.write(sampleKey(id), await raw.read(sampleKey(other)), {
      ifMatch: (await raw.head(sampleKey(id)))!.etag,
    });
  });
  assert.deepEqual(
    rounds.map(({ shards, summary }) => [shards, summary.again]),
    [
      [[0, 1, 2], true],
      [[0], false],
    ],
  );
  assert.deepEqual(rounds[1]?.summary, { ...DONE, shards: 4 });
  const rejected = new TextDecoder().decode(await records.read('rejected.csv'));
  assert.equal(rejected, 'id,file,reason\n');
});

test('missing labels are an input error, not a bug, and leave no plan under way', async () => {
  const { raw, records, plan } = await prepare();
  await raw.remove('training_labels.csv');
  await assert.rejects(plan('first'), InputError);
  const manifest = await readManifest(records);
  assert.deepEqual([manifest.plan, manifest.lease], [undefined, undefined]);
});

test('the manifest shows the planning from before the raw objects are listed until the plan exists', async () => {
  const open = memoryDatasets();
  const { raw, records } = open('tiny');
  for await (const { key } of samples.list('')) await raw.write(key, await samples.read(key));
  let asked = 0;
  const requirePlanning = async () => {
    asked += 1;
    const { lease, plan, planning } = await readManifest(records);
    assert.deepEqual([lease?.token, plan], ['first', undefined]);
    assert.ok(planning);
  };
  const watched: ObjectStore = {
    ...raw,
    async *list(prefix) {
      await requirePlanning();
      yield* raw.list(prefix);
      await requirePlanning();
    },
  };
  const plan = createPlan(
    () => ({ ...open('tiny'), raw: watched }),
    () => SETTINGS,
    async () => true,
  );
  const { id } = await plan({ dataset: 'tiny', execution: 'first' }, AMPLE);
  assert.ok(asked > 0);
  assert.equal((await readManifest(records)).plan, id);
});

test('planning that another run took over has no effect, whenever it ends', async () => {
  const open = memoryDatasets();
  const { raw, records } = open('tiny');
  for await (const { key } of samples.list('')) await raw.write(key, await samples.read(key));
  const createFor = (store: ObjectStore) =>
    createPlan(
      () => ({ ...open('tiny'), raw: store }),
      () => SETTINGS,
      async () => false,
    );
  let taken = false;
  const taking: ObjectStore = {
    ...raw,
    async *list(prefix) {
      const infos: ObjectInfo[] = [];
      for await (const info of raw.list(prefix)) infos.push(info);
      if (!taken) {
        taken = true;
        await createFor(raw)({ dataset: 'tiny', execution: 'second' }, AMPLE);
      }
      yield* infos;
    },
  };
  const answer = await createFor(taking)({ dataset: 'tiny', execution: 'first' }, AMPLE);
  assert.equal(answer.busy, true);
  const { lease, plan } = await readManifest(records);
  assert.equal(lease?.token, 'second');
  assert.equal((await readPlan(records, plan!)).shards.length, 3);
});

test('too many unmatched inputs end the run at its plan, and rejected.csv lists them', async () => {
  const { raw, records, plan } = await prepare();
  const rows = dataset.ids.slice(0, 10).map((id): [string, number] => [id, 0]);
  await writeLabels(raw, rows);
  await assert.rejects(plan('first'), TooManyRejectedError);
  const manifest = await readManifest(records);
  assert.deepEqual([manifest.plan, manifest.lease], [undefined, undefined]);
  const rejected = new TextDecoder().decode(await records.read('rejected.csv'));
  assert.equal(rejected.match(/,no label$/gm)?.length, 10);
});

test('any number of labels may arrive before their samples once records exist: each is a rejected row until then', async () => {
  const { raw, run } = await prepare();
  await run('first');
  const ahead = Array.from({ length: 100 }, (_, index): [string, number] => [`ahead${index}`, index % 2]);
  const rows = dataset.ids.map((id, index): [string, number] => [id, dataset.targets[index]!]);
  await writeLabels(raw, [...rows, ...ahead]);
  const { summary } = (await run('second')).at(-1)!;
  assert.deepEqual([summary.samples, summary.rejected], [20, 100]);
});
