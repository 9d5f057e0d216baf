import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InputError, SettingError } from '../../src/core/errors.ts';
import { decodeFloats } from '../../src/tensorflow/graph/encoded.ts';
import { createInjectedInput } from '../../src/training/input/injected-input.ts';
import { openTrainingInput, type TrainingInput } from '../../src/training/input/record-input.ts';
import { openRecords } from '../../src/training/input/records.ts';
import { completeSettings } from '../../src/training/settings.ts';
import { tf } from '../model/tensorflow.ts';
import { makeToyRecords, type ToySettings, toyFiles } from './toy.ts';

const SETTINGS = completeSettings(
  { batch_size: 4, validation_split: 0.25, seed: 3, snr: 'uniform', snr_min: 3, snr_max: 9 },
  'cpu',
);

async function open(toy: ToySettings): Promise<TrainingInput> {
  const set = await openRecords(await makeToyRecords(toy));
  return openTrainingInput(tf, set, toyFiles(set.store), SETTINGS);
}

/** 46 records, half of them noise, and 22 signals, whose numbers are their first points. */
async function withInput(
  use: (input: TrainingInput) => Promise<void>,
  records: ToySettings = { count: 46 },
  signals = 22,
): Promise<void> {
  const edit = (signal: Float32Array, i: number) => signal.fill(i + 1, 0, 1);
  const both = [await open(records), await open({ count: signals, seed: 2, edit })] as const;
  try {
    await use(createInjectedInput(tf, ...both, SETTINGS));
  } finally {
    for (const input of both) input.dispose();
  }
}

/** Ids of the records, and numbers of the signals, of each batch. */
async function pairs(input: TrainingInput, epoch: number, done = 0) {
  const all: { ids: string[]; signals: number[] }[] = [];
  for await (const { ids, injected, size } of input.training(epoch, done)) {
    const points = decodeFloats(tf, injected!).slice([0, 0, 0], [-1, 1, 1]).dataSync();
    assert.equal(size, 4);
    all.push({ ids: [...(ids.dataSync() as unknown as string[])], signals: [...points] });
  }
  return all;
}

test('full batches of records meet full batches of signals, pass after pass', async () => {
  await withInput(async (input) => {
    // 35 records and 17 signals to train on, in 8 and 4 batches.
    assert.deepEqual([input.trainingCount, input.validationCount], [32, 8]);
    const epochs = [await pairs(input, 1), await pairs(input, 2)];
    assert.deepEqual(
      epochs.map((epoch) => epoch.length),
      [8, 8],
    );
    for (const epoch of epochs)
      for (const first of [0, 4]) {
        const used = epoch.slice(first, first + 4).flatMap(({ signals }) => signals);
        assert.equal(new Set(used).size, 16);
        // The first 5 of 22 are for validation.
        assert.ok(used.every((number) => number > 5));
      }
    const firsts = [0, 4].map((at) => epochs[0]![at]!.signals.join());
    assert.notEqual(firsts[0], firsts[1]);
    assert.notDeepEqual(epochs[0], epochs[1]);
  });
});

test('an epoch that resumes has the batches that it would have had', async () => {
  await withInput(async (input) => {
    const whole = await pairs(input, 2);
    for (const done of [1, 4, 7]) assert.deepEqual(await pairs(input, 2, done), whole.slice(done));
  });
});

test('validation has the same samples each time, with and without a signal', async () => {
  await withInput(async (input) => {
    const read = async () => {
      const values: number[] = [];
      const labels: number[] = [];
      for await (const batch of input.validation()) {
        const signals = decodeFloats(tf, batch.signals);
        values.push(...signals.dataSync());
        signals.dispose();
        labels.push(...batch.labels.dataSync());
      }
      return { values, labels };
    };
    const first = await read();
    const { numTensors } = tf.memory();
    assert.deepEqual(await read(), first);
    assert.equal(tf.memory().numTensors, numTensors);
    assert.equal(first.labels.length, 8);
    assert.ok(first.labels.includes(0) && first.labels.includes(1));
  });
});

test('a batch without noise, and too few signals, are refused', async () => {
  await withInput(
    async (input) => {
      await assert.rejects(pairs(input, 1), (error: Error) => {
        return error instanceof InputError && /found no noise/.test(error.message);
      });
    },
    { count: 46, label: () => 1 },
  );
  await assert.rejects(
    withInput(async () => {}, { count: 46 }, 12),
    (error: Error) =>
      error instanceof SettingError &&
      /3 signals to validate on; needed at least batch_size \(4\)/.test(error.message),
  );
});
