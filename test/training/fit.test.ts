import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { StoppedError } from '../../src/core/errors.ts';
import { SAMPLE_LENGTH, SAMPLE_SIZE } from '../../src/core/strain.ts';
import { initialWeights } from '../../src/model/weights.ts';
import { decodeFloats } from '../../src/tensorflow/graph/encoded.ts';
import type { Engine } from '../../src/training/engine/engine.ts';
import { createEngine } from '../../src/training/engine/engines.ts';
import { DivergedError, type FitSettings, fit } from '../../src/training/fit/fit.ts';
import type { FitObserver, FitState } from '../../src/training/fit/fit-state.ts';
import { sigmoid } from '../../src/training/fit/logit.ts';
import { predictSignals } from '../../src/training/fit/predictor.ts';
import { evaluate } from '../../src/training/fit/validation.ts';
import type { Batch } from '../../src/training/input/batch.ts';
import { openTrainingInput, type TrainingInput } from '../../src/training/input/record-input.ts';
import { openRecords } from '../../src/training/input/records.ts';
import { completeSettings } from '../../src/training/settings.ts';
import { largestDifference, tf } from '../model/tensorflow.ts';
import { makeSignal, makeToyRecords, type ToySettings, toyFiles, toyId } from './toy.ts';

const SEED = 5;
const BASE = completeSettings({ seed: SEED, learning_rate: 3e-3 }, 'cpu');

async function makeInput(settings: ToySettings, batchSize = 8): Promise<TrainingInput> {
  const set = await openRecords(await makeToyRecords(settings));
  return openTrainingInput(tf, set, toyFiles(set.store), { ...BASE, batch_size: batchSize });
}

// One for all tests: recording its programs takes longer than all their steps.
const engine = createEngine(tf, 'graph', initialWeights('diy', SEED), BASE);
const fresh = { weights: engine.getWeights(), optimizer: engine.getOptimizer() };
after(() => engine.dispose());

/** Calls `use` with the engine as it was made. */
function withEngine<T>(use: (engine: Engine) => Promise<T>): Promise<T> {
  engine.setWeights(fresh.weights);
  engine.setOptimizer(fresh.optimizer);
  return use(engine);
}

const train = (
  engine: Engine,
  input: TrainingInput,
  settings: Partial<FitSettings>,
  observer?: FitObserver,
  going?: Parameters<typeof fit>[4],
) => fit(engine, input, { ...BASE, ...settings }, observer, going);

test('an easy set is learnt in a few epochs, and the model keeps the weights of the best epoch', async () => {
  await withEngine(async (engine) => {
    const input = await makeInput({ count: 40 });
    const history = await train(engine, input, { epochs: 5 });
    const evaluation = await evaluate(engine, input.validation(), input.validationCount);
    assert.ok(history.epochs.at(-1)!.loss < 0.7 * history.epochs[0]!.loss);
    assert.equal(evaluation.auc, 1);
    assert.deepEqual(
      evaluation.ids,
      Array.from({ length: 8 }, (_, i) => toyId(i)),
    );
    const losses = history.epochs.map(({ val_loss }) => val_loss);
    const best = losses.indexOf(Math.min(...losses));
    assert.equal(history.best_epoch, best + 1);
    assert.equal(history.epochs.findLast(({ best }) => best)!.epoch, best + 1);
    assert.equal(evaluation.loss, losses[best]);
  });
});

test('a fit is exactly reproducible with its seed, and differs with another seed', async () => {
  const input = await makeInput({ count: 20 });
  const run = (seed: number) =>
    withEngine(async (engine) => {
      const { epochs } = await train(engine, input, { epochs: 2, seed });
      return {
        epochs: epochs.map(({ seconds: _, input_wait: __, ...rest }) => rest),
        weights: engine.getWeights(),
      };
    });
  const first = await run(1);
  assert.deepEqual(await run(1), first);
  assert.notDeepEqual(await run(2), first);
});

test('every epoch reports its steps, including the last short batch, and leaks no tensor', async () => {
  const input = await makeInput({ count: 22 });
  const tensors: number[] = [];
  const steps: string[] = [];
  await withEngine(async (engine) => {
    await train(
      engine,
      input,
      { epochs: 3 },
      {
        step: ({ epoch, step, steps: of, loss }) => {
          steps.push(`${epoch}: ${step}/${of}`);
          assert.ok(loss > 0);
        },
        epoch: () => void tensors.push(tf.memory().numTensors),
      },
    );
  });
  assert.equal(input.trainingCount, 18);
  assert.deepEqual(steps, [
    '1: 1/3',
    '1: 2/3',
    '1: 3/3',
    '2: 1/3',
    '2: 2/3',
    '2: 3/3',
    '3: 1/3',
    '3: 2/3',
    '3: 3/3',
  ]);
  assert.equal(new Set(tensors).size, 1);
});

test('losses that are read every few steps give the same fit', async () => {
  const input = await makeInput({ count: 30 }, 4);
  const run = (stepsAhead: number) =>
    withEngine(async (engine) => {
      const shown: number[] = [];
      const { epochs } = await train(
        engine,
        input,
        { epochs: 2 },
        { step: ({ step }) => void shown.push(step) },
        { stepsAhead },
      );
      return { shown, losses: epochs.map(({ loss }) => loss), weights: engine.getWeights() };
    });
  const [each, some] = [await run(1), await run(4)];
  assert.deepEqual(each.shown, [1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6]);
  assert.deepEqual(some.shown, [4, 6, 4, 6]);
  assert.deepEqual(some.weights, each.weights);
  for (const [i, loss] of each.losses.entries()) assert.ok(Math.abs(some.losses[i]! / loss - 1) < 1e-6);
  await withEngine((engine) =>
    assert.rejects(
      train(engine, input, { epochs: 1, learning_rate: 1e30 }, {}, { stepsAhead: 4 }),
      /the loss is not finite in epoch 1, steps 1 to 4 of 6, although all records are valid/,
    ),
  );
});

test('a fit that is stopped while its input waits saves the losses of all steps', async () => {
  const input = await makeInput({ count: 30 }, 4);
  const stopped: TrainingInput = {
    ...input,
    async *training(epoch, done) {
      let left = 3;
      for await (const batch of input.training(epoch, done)) {
        if (left-- === 0) throw new StoppedError('stopped while waiting for a shard');
        yield batch;
      }
    },
  };
  const saved = (stepsAhead: number) =>
    withEngine(async (engine) => {
      const states: FitState[] = [];
      const observer: FitObserver = { save: async ({ state }) => void states.push(state) };
      await assert.rejects(train(engine, stopped, { epochs: 1 }, observer, { stepsAhead }), StoppedError);
      const { step, samples, lossSum } = states.at(-1)!;
      return { step, samples, lossSum };
    });
  const [each, some] = [await saved(1), await saved(16)];
  assert.deepEqual([each.step, each.samples], [3, 12]);
  assert.deepEqual([some.step, some.samples], [3, 12]);
  assert.ok(Math.abs(some.lossSum / each.lossSum - 1) < 1e-6);
});

test('a training that diverges ends, reports where, and restores the weights', async () => {
  const input = await makeInput({ count: 20 });
  await withEngine(async (engine) => {
    const before = engine.getWeights();
    // A pass holds its inputs until the next one.
    for await (const _ of input.validation()) break;
    const tensors = tf.memory().numTensors;
    await assert.rejects(
      train(engine, input, { epochs: 2, learning_rate: 1e30 }),
      (error) =>
        error instanceof DivergedError &&
        /^the training diverged: the loss is not finite in epoch \d, step \d of 2 \(samples toy\d+, .*all records are valid/.test(
          error.message,
        ),
    );
    assert.deepEqual(engine.getWeights(), before);
    assert.equal(tf.memory().numTensors, tensors);
  });
});

test('a record with NaN is reported with its offset', async () => {
  const input = await makeInput({
    count: 20,
    edit: (signal, i) => {
      if (i === 13) signal[100] = Number.NaN;
    },
  });
  await withEngine((engine) =>
    assert.rejects(
      train(engine, input, { epochs: 2 }),
      /tfrecord at byte \d+: found NaN at index 100 of the signal/,
    ),
  );
});

test('a fit can be stopped between two steps, and the model keeps the weights of the best epoch', async () => {
  const input = await makeInput({ count: 20 });
  await withEngine(async (engine) => {
    const stop = new AbortController();
    let kept: unknown;
    const observer: FitObserver = {
      epoch: () => {
        kept = engine.getWeights();
      },
      // Like a signal handler, this runs when the event loop gets its turn.
      step: ({ epoch, step }) => {
        if (epoch === 2 && step === 1) setImmediate(() => stop.abort());
      },
    };
    await assert.rejects(
      train(engine, input, { epochs: 2 }, observer, { signal: stop.signal }),
      (error) => error instanceof StoppedError && error.message === 'stopped in epoch 2 after step 1 of 2',
    );
    assert.deepEqual(engine.getWeights(), kept);
  });
});

test('training works with validation records of one class, and reports that their AUC is undefined', async () => {
  const input = await makeInput({ count: 20, label: (i) => (i < 4 ? 0 : i % 2 === 0 ? 0 : 1) });
  const said: string[] = [];
  const history = await withEngine((engine) =>
    train(engine, input, { epochs: 2 }, { say: (line) => said.push(line) }),
  );
  assert.deepEqual(
    history.epochs.map(({ val_auc }) => val_auc),
    [null, null],
  );
  assert.deepEqual(said, ['the validation records contain only one class: their AUC is undefined']);
});

test('signals are predicted in order, independently of the batch size', async () => {
  const signals = Array.from({ length: 5 }, (_, i) => makeSignal(i % 2 === 0 ? 0 : 1, SEED, i));
  async function* read() {
    const reused = new Float32Array(signals[0]!.length);
    for (const signal of signals) {
      reused.set(signal);
      yield reused;
    }
  }
  await withEngine(async (engine) => {
    const predict = async (batchSize: number) => {
      const logits: number[] = [];
      for await (const batch of predictSignals(tf, engine, read(), batchSize)) logits.push(...batch);
      return logits;
    };
    const alone = await predict(1);
    assert.equal(alone.length, 5);
    assert.equal(new Set(alone).size, 5);
    for (const [i, logit] of (await predict(2)).entries()) assert.ok(Math.abs(logit - alone[i]!) < 1e-5);
  });
});

test('test-time augmentation is the mean over both signs, with H1 and L1 in both places', async () => {
  const seen: number[][] = [];
  // Odd and even powers: no two symmetries give the same.
  const model = (h1: number, l1: number, v1: number) => (h1 + 20 * l1 ** 2 + 4 * v1 ** 3) / 1000;
  const predictor = {
    logits({ size, signals }: Batch) {
      const values = decodeFloats(tf, signals).dataSync();
      return Float32Array.from({ length: size }, (_, i) => {
        // The last point of each detector.
        const ends = [1, 2, 3].map((rows) => values[i * SAMPLE_SIZE + rows * SAMPLE_LENGTH - 1]!);
        seen.push(ends);
        return model(...(ends as [number, number, number]));
      });
    },
  };
  async function* read() {
    for (const ends of [
      [1, 2, 3],
      [5, 6, 7],
      [-8, 0, 9],
    ]) {
      const signal = new Float32Array(SAMPLE_SIZE);
      for (const [row, end] of ends.entries()) signal[(row + 1) * SAMPLE_LENGTH - 1] = end;
      yield signal;
    }
  }
  const logits: number[] = [];
  for await (const batch of predictSignals(tf, predictor, read(), 2, true)) logits.push(...batch);
  const mean = (h1: number, l1: number, v1: number) => {
    const four = [model(h1, l1, v1), model(-h1, -l1, -v1), model(l1, h1, v1), model(-l1, -h1, -v1)];
    return four.reduce((sum, logit) => sum + sigmoid(logit), 0) / 4;
  };
  const expected = [mean(1, 2, 3), mean(5, 6, 7), mean(-8, 0, 9)];
  assert.ok(largestDifference(logits.map(sigmoid), expected) < 1e-7, `${logits}`);
  assert.ok(largestDifference(logits.map(sigmoid), [...expected].reverse()) > 0.01);
  assert.deepEqual(
    seen.filter((_, i) => i < 8 && i % 2 === 0),
    [
      [1, 2, 3],
      [-1, -2, -3],
      [-2, -1, -3],
      [2, 1, 3],
    ],
  );
});
