import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { runName } from '../../src/artifacts/artifact-names.ts';
import { InputError, StoppedError } from '../../src/core/errors.ts';
import { createRandomStream } from '../../src/core/random.ts';
import { PRESETS } from '../../src/model/presets.ts';
import { initialWeights } from '../../src/model/weights.ts';
import type { NpyArray } from '../../src/numpy/npy.ts';
import { readNpz, writeNpz } from '../../src/numpy/npz.ts';
import { createEngine } from '../../src/training/engine/engines.ts';
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint } from '../../src/training/fit/checkpoint.ts';
import { fit } from '../../src/training/fit/fit.ts';
import type { Epoch, History, Snapshot } from '../../src/training/fit/fit-state.ts';
import { parseStoredState, type StoredState } from '../../src/training/fit/stored-state.ts';
import { evaluate } from '../../src/training/fit/validation.ts';
import { createBatch } from '../../src/training/input/batch.ts';
import { openTrainingInput } from '../../src/training/input/record-input.ts';
import { openRecords } from '../../src/training/input/records.ts';
import { completeSettings } from '../../src/training/settings.ts';
import { fingerprintOf, openCheckpoints, trySaving } from '../../src/training-run/checkpoints.ts';
import { tf } from '../model/tensorflow.ts';
import { createMemoryStore } from '../support/memory-store.ts';
import { makeSignal, makeToyRecords, toyFiles } from './toy.ts';

// 7 steps per epoch, the last one with a short batch.
const SETTINGS = completeSettings(
  {
    epochs: 5,
    batch_size: 4,
    seed: 3,
    learning_rate: 3e-3,
    schedule: 'cosine',
    sign_flip: true,
    time_shift: 20,
    average_weights: 0.9,
  },
  'cpu',
);
const RUN = 'diy_20260102_0304';
const set = await openRecords(await makeToyRecords({ count: 33, shardSize: 5 }));
const input = openTrainingInput(tf, set, toyFiles(set.store), SETTINGS);
const engine = createEngine(tf, 'graph', initialWeights('diy', 3), SETTINGS);
const fresh = { weights: engine.getWeights(), optimizer: engine.getOptimizer() };
after(() => {
  engine.dispose();
  input.dispose();
});

/** A fit that is stopped before each of the given steps, counted over all epochs, and resumes from the file's bytes. */
async function fitWithStops(stops: readonly number[]) {
  let file: Uint8Array | undefined;
  let steps = 0;
  const left = [...stops];
  for (;;) {
    const controller = new AbortController();
    const stop = () => {
      if (steps === left[0]) controller.abort();
    };
    engine.setWeights(fresh.weights);
    engine.setOptimizer(fresh.optimizer);
    const from = file && (await decodeCheckpoint(file, SETTINGS, 'c.npz'));
    stop();
    try {
      const history = await fit(
        engine,
        input,
        SETTINGS,
        {
          step: () => {
            steps++;
            stop();
          },
          save: async (snapshot: Snapshot) => {
            file = await encodeCheckpoint({ run: RUN, snapshot });
          },
        },
        { signal: controller.signal, snapshot: from?.snapshot },
      );
      assert.deepEqual(left, []);
      return { history: timeless(history), weights: engine.getWeights(), optimizer: engine.getOptimizer() };
    } catch (error) {
      if (!(error instanceof StoppedError)) throw error;
      left.shift();
      // As in a process that has done other work.
      engine.train(createBatch(tf, makeSignal(1, 1, steps), [1]), 1e-2, [0, steps]);
    }
  }
}

const timeless = ({ epochs, best_epoch }: History) => ({
  best_epoch,
  epochs: epochs.map(({ seconds: _, input_wait: __, ...rest }) => rest),
});

test('a fit that is stopped at 20 random steps has the same losses and weights as one that never stopped', async () => {
  const whole = await fitWithStops([]);
  assert.equal(whole.history.epochs.length, 5);
  const random = createRandomStream(20, 0, 0);
  const steps = Array.from({ length: 36 }, (_, step) => ({ step, key: random.uniform(0, 1) }));
  const stops = steps
    .sort((a, b) => a.key - b.key)
    .slice(0, 20)
    .map(({ step }) => step);
  assert.deepEqual(await fitWithStops(stops.sort((a, b) => a - b)), whole);
});

test('the averaged weights are validated and saved, and training continues with the others', async () => {
  const run = async (average_weights: number) => {
    engine.setWeights(fresh.weights);
    engine.setOptimizer(fresh.optimizer);
    const { epochs } = await fit(engine, input, { ...SETTINGS, epochs: 2, average_weights });
    return { losses: epochs.map(({ loss }) => loss), validation: epochs.map(({ val_loss }) => val_loss) };
  };
  const [averaged, plain] = [await run(0.9), await run(0)];
  assert.deepEqual(averaged.losses, plain.losses);
  assert.notDeepEqual(averaged.validation, plain.validation);
  await run(0.9);
  const { loss } = await evaluate(engine, input.validation(), input.validationCount);
  assert.equal(loss, Math.min(...averaged.validation));
});

const snapshot: Snapshot = {
  ...fresh,
  best: fresh.weights,
  state: {
    epoch: 2,
    step: 3,
    samples: 12,
    lossSum: 6,
    seconds: 1,
    waited: 0,
    schedule: {
      learningRate: 1e-3,
      best: { loss: 0.5, auc: 0.8 },
      improved: true,
      epochsSinceBest: 0,
      epochsOnPlateau: 0,
      stop: false,
    },
    history: { epochs: [], best_epoch: 1 },
  },
};
const epochOf = (epoch: number): Epoch => ({
  epoch,
  loss: 0.6,
  val_loss: 0.5,
  val_accuracy: 0.8,
  val_auc: null,
  learning_rate: 1e-3,
  seconds: 1,
  input_wait: 0,
  best: true,
});
const checkpointAt = (epoch: number, step: number): Checkpoint => {
  const epochs = Array.from({ length: epoch - 1 }, (_, i) => epochOf(i + 1));
  const history = { epochs, best_epoch: epoch - 1 };
  return {
    run: RUN,
    snapshot: { ...snapshot, state: { ...snapshot.state, epoch, step, samples: 4 * step, history } },
  };
};

function openTestCheckpoints() {
  const store = createMemoryStore();
  const said: string[] = [];
  const checkpoints = openCheckpoints(store, 'c/', SETTINGS, (line) => said.push(line));
  const keys = async () => {
    const found: string[] = [];
    for await (const { key } of store.list('')) found.push(key);
    return found;
  };
  return { store, said, checkpoints, keys };
}

test('the last two checkpoints are kept, the newest one is loaded, and none is left in the end', async () => {
  const { checkpoints, keys } = openTestCheckpoints();
  assert.equal(await checkpoints.load(), undefined);
  for (const [epoch, step] of [
    [1, 0],
    [1, 7],
    [2, 0],
    [5, 0],
  ] as const)
    await checkpoints.save(checkpointAt(epoch, step));
  assert.deepEqual(await keys(), ['c/000002-00000000.npz', 'c/000005-00000000.npz']);
  const loaded = await checkpoints.load();
  assert.deepEqual(loaded, checkpointAt(5, 0));
  await checkpoints.clear();
  assert.deepEqual(await keys(), []);
});

test('a damaged checkpoint is reported and skipped, and is removed when the next one is written', async () => {
  const { store, said, checkpoints, keys } = openTestCheckpoints();
  await checkpoints.save(checkpointAt(1, 0));
  await checkpoints.save(checkpointAt(1, 5));
  const newest = 'c/000001-00000005.npz';
  const bytes = await store.read(newest);
  for (const broken of [bytes.subarray(0, bytes.length >> 1), new Uint8Array(0), flip(bytes)]) {
    await store.write(newest, broken);
    said.length = 0;
    assert.deepEqual(await checkpoints.load(), checkpointAt(1, 0));
    assert.match(said.join(), /^checkpoint skipped: memory:c\/000001-00000005\.npz/);
  }
  await checkpoints.save(checkpointAt(1, 2));
  assert.deepEqual(await keys(), ['c/000001-00000000.npz', 'c/000001-00000002.npz']);
});

function flip(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  copy[bytes.length >> 1]! ^= 1;
  return copy;
}

test('a checkpoint of another version or another model is refused', async () => {
  const arrays = await readNpz(await encodeCheckpoint(checkpointAt(1, 0)), 'c.npz');
  const text = new TextEncoder().encode('{"version":9}');
  arrays.set('state', { dtype: '|u1', shape: [text.length], data: text });
  const refused = (bytes: Uint8Array, preset: 'diy' | 'coherent', message: RegExp) =>
    assert.rejects(
      decodeCheckpoint(bytes, { ...SETTINGS, preset }, 'c.npz'),
      (error) => error instanceof InputError && message.test(error.message),
    );
  await refused(await writeNpz(arrays), 'diy', /found 9 as version, needed 1$/);
  await refused(
    await encodeCheckpoint(checkpointAt(1, 0)),
    'coherent',
    /found "diy_20260102_0304" as run, needed the name of a run of preset coherent/,
  );
  arrays.delete('state');
  await refused(await writeNpz(arrays), 'diy', /no array named state/);
});

/** A checkpoint in which `change` has changed some arrays or the state. */
async function forge(
  change: (arrays: Map<string, NpyArray>, stored: StoredState) => void,
): Promise<Uint8Array> {
  const arrays = await readNpz(await encodeCheckpoint(checkpointAt(3, 2)), 'c.npz');
  const state = arrays.get('state')?.data as Uint8Array;
  const stored = JSON.parse(new TextDecoder().decode(state)) as StoredState;
  change(arrays, stored);
  const text = new TextEncoder().encode(JSON.stringify(stored));
  arrays.set('state', { dtype: '|u1', shape: [text.length], data: text });
  return writeNpz(arrays);
}

test('the runs of all presets resume, each from its own checkpoint', async () => {
  const state = (await readNpz(await encodeCheckpoint(checkpointAt(1, 0)), 'c.npz')).get('state')!;
  const stored = JSON.parse(new TextDecoder().decode(state.data as Uint8Array)) as StoredState;
  for (const preset of PRESETS) {
    const run = `${runName(preset, new Date())}_2`;
    const bytes = new TextEncoder().encode(JSON.stringify({ ...stored, run }));
    assert.equal(parseStoredState(bytes, { ...SETTINGS, preset }, 'c.npz').run, run);
    for (const other of PRESETS.filter((other) => other !== preset))
      assert.throws(() => parseStoredState(bytes, { ...SETTINGS, preset: other }, 'c.npz'), /as run/);
  }
});

test('a checkpoint with a state that no fit can reach, or with a run name that is a path, is refused', async () => {
  assert.deepEqual(await decodeCheckpoint(await forge(() => {}), SETTINGS, 'c.npz'), checkpointAt(3, 2));
  const scaled = await forge((_, stored) =>
    Object.assign(stored, { lossScale: { scale: 2 ** -3, steps: 7 } }),
  );
  const { snapshot } = await decodeCheckpoint(scaled, SETTINGS, 'c.npz');
  assert.deepEqual(snapshot.optimizer.lossScale, { scale: 2 ** -3, steps: 7 });
  const again = await decodeCheckpoint(await encodeCheckpoint({ run: RUN, snapshot }), SETTINGS, 'c.npz');
  assert.deepEqual(again.snapshot, snapshot);
  const cases: [RegExp, (stored: StoredState, arrays: Map<string, NpyArray>) => void][] = [
    [/"\.\.\/\.\.\/evil" as run/, (stored) => Object.assign(stored, { run: '../../evil' })],
    [/7 as run/, (stored) => Object.assign(stored, { run: 7 })],
    [/"1" as updates/, (stored) => Object.assign(stored, { updates: '1' })],
    [
      /null as state, needed a document that chirpline wrote/,
      (stored) => Object.assign(stored, { state: null }),
    ],
    [/4 as epoch, needed 3, at most 6/, ({ state }) => Object.assign(state, { epoch: 4 })],
    [/-1 as state\.epoch/, ({ state }) => Object.assign(state, { epoch: -1 })],
    [/8 as samples/, ({ state }) => Object.assign(state, { step: 1e12 })],
    [/8 as samples/, ({ state }) => Object.assign(state, { step: 0 })],
    [/null as state\.lossSum/, ({ state }) => Object.assign(state, { lossSum: Number.NaN })],
    [/nothing as state\.schedule\.learningRate/, ({ state }) => Object.assign(state, { schedule: {} })],
    [/0 as state\.schedule\.stop/, ({ state }) => Object.assign(state.schedule, { stop: 0 })],
    [/null as state\.history/, ({ state }) => Object.assign(state, { history: null })],
    [/3 as best_epoch/, ({ state }) => Object.assign(state.history, { best_epoch: 3 })],
    [/2 as epoch, needed 1/, ({ state }) => state.history.epochs.reverse()],
    [/0 as lossScale\.scale/, (stored) => Object.assign(stored, { lossScale: { scale: 0, steps: 1 } })],
    [/moment\/1: found NaN/, (_, arrays) => (arrays.get('moment/1')!.data as Float32Array).fill(Number.NaN)],
    [/moment\/1: found -1/, (_, arrays) => (arrays.get('moment/1')!.data as Float32Array).fill(-1)],
    [/found no values in average, needed/, (_, arrays) => arrays.delete('average')],
  ];
  for (const [message, change] of cases) {
    const bytes = await forge((arrays, stored) => change(stored, arrays));
    await assert.rejects(decodeCheckpoint(bytes, SETTINGS, 'c.npz'), (error) => {
      assert.ok(error instanceof InputError && message.test(error.message), `${error} isn't ${message}`);
      return true;
    });
  }
  const arrays = await readNpz(await encodeCheckpoint(checkpointAt(1, 0)), 'c.npz');
  for (const text of ['{"version":1,', 'null', '[]']) {
    const data = new TextEncoder().encode(text);
    arrays.set('state', { dtype: '|u1', shape: [data.length], data });
    await assert.rejects(decodeCheckpoint(await writeNpz(arrays), SETTINGS, 'c.npz'), InputError);
  }
});

test('a checkpoint that another process removes after the listing is skipped silently', async () => {
  const { store, said, checkpoints } = openTestCheckpoints();
  await checkpoints.save(checkpointAt(1, 0));
  await checkpoints.save(checkpointAt(2, 0));
  const racing = openCheckpoints(
    {
      ...store,
      read: async (key) => {
        if (key.includes('000002-')) await store.remove(key);
        return store.read(key);
      },
    },
    'c/',
    SETTINGS,
    (line) => said.push(line),
  );
  assert.deepEqual(await racing.load(), checkpointAt(1, 0));
  assert.deepEqual(said, []);
});

test('a checkpoint that can’t be written is reported, and the previous one is kept', async () => {
  const { store, said, checkpoints } = openTestCheckpoints();
  await checkpoints.save(checkpointAt(1, 0));
  const full = {
    ...store,
    write: () => Promise.reject(new InputError({ object: 'c', found: 'a full disk', needed: 'room' })),
  };
  const failing = openCheckpoints(full, 'c/', SETTINGS, () => {});
  await trySaving(failing, checkpointAt(1, 5), (line) => said.push(line));
  assert.match(said.join(), /^checkpoint not written, the previous one is kept: c: found a full disk/);
  assert.deepEqual(await checkpoints.load(), checkpointAt(1, 0));
});

test('a checkpoint serves only trainings with the same settings and records', () => {
  const own = fingerprintOf(SETTINGS, [set]);
  assert.match(own, /^[0-9a-f]{12}$/);
  assert.equal(fingerprintOf({ ...SETTINGS }, [set]), own);
  assert.notEqual(fingerprintOf({ ...SETTINGS, fold: 1 }, [set]), own);
  const [first, ...rest] = set.shards;
  assert.notEqual(
    fingerprintOf(SETTINGS, [{ ...set, shards: [{ ...first!, sha256: 'f'.repeat(64) }, ...rest] }]),
    own,
  );
  assert.notEqual(fingerprintOf(SETTINGS, [set], Uint8Array.of(1)), own);
});
