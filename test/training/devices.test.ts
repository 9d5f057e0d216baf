/** One batch on two devices: the two that TensorFlow has on a CPU stand for two GPUs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SAMPLE_SIZE } from '../../src/core/strain.ts';
import { describeTensorFlow } from '../../src/tensorflow/graph/bind.ts';
import { decodeFloats } from '../../src/tensorflow/graph/encoded.ts';
import type { EngineOptions } from '../../src/training/engine/engine.ts';
import { type Batch, createBatch } from '../../src/training/input/batch.ts';
import type { GivenSettings } from '../../src/training/settings.ts';
import { tf } from '../model/tensorflow.ts';
import {
  type Allowed,
  listFaults,
  makeBatch,
  type Run,
  relativeDifference,
  trainTwice,
} from './two-steps.ts';

const { device } = describeTensorFlow(tf);
const DEVICES = device === 'cpu' ? ['/device:CPU:0', '/device:CPU:1'] : ['/device:GPU:0', '/device:GPU:0'];
const SIZE = 33;
const batch = makeBatch(SIZE);
/** Nothing random: each device draws its own numbers. */
const given: GivenSettings = {
  preset: 'coherent',
  dropout_rate: 0,
  time_shift: 0,
  sign_flip: false,
  recombine: false,
  detector_swap: false,
  noise: 0,
  mixup: 0,
  average_weights: 0.5,
};

const train = (options: EngineOptions, settings = given) =>
  trainTwice('graph', settings, batch, { convolution: 'direct', ...options });

const SAME: Allowed = {
  losses: [2e-5, 1e-4],
  arrays: 1e-4,
  distance: relativeDifference,
};

function share(start: number, end: number): Batch {
  const signals = decodeFloats(tf, batch.signals).dataSync() as Float32Array;
  return createBatch(
    tf,
    signals.slice(start * SAMPLE_SIZE, end * SAMPLE_SIZE),
    batch.labels.dataSync().slice(start, end),
  );
}

/** What two devices find, from trainings on the shares alone: means by the number of samples. */
const sharesAlone = ((): Run => {
  const middle = Math.floor(SIZE / 2);
  const shares = [share(0, middle), share(middle, SIZE)];
  const runs = shares.map((part) => trainTwice('eager', given, part, { convolution: 'direct' }));
  const mean = (values: (run: Run) => number) =>
    runs.reduce((sum, run, i) => sum + (values(run) * shares[i]!.size) / SIZE, 0);
  const arrays = [...runs[0]!.arrays.keys()].filter((name) => /^gradient|_(mean|var)$/.test(name));
  return {
    losses: [mean(({ losses }) => losses[0]!)],
    arrays: new Map(
      arrays.map((name) => [
        name,
        Array.from(runs[0]!.arrays.get(name)!, (_, i) => mean((run) => run.arrays.get(name)![i]!)),
      ]),
    ),
  };
})();

for (const compile of [false, true]) {
  test(`two devices compute the loss, gradient and statistics of their shares (${compile ? 'compiled' : 'plain'})`, () => {
    const both = train({ devices: DEVICES, compile });
    assert.deepEqual(listFaults(both, sharesAlone, SAME), []);
    assert.deepEqual(listFaults(both, train({ devices: [DEVICES[0]!, DEVICES[0]!] }), SAME), []);
  });
}

test('each device draws numbers of its own', () => {
  const half = share(0, 16);
  const twice = createBatch(
    tf,
    Float32Array.from([half, half].flatMap(({ signals }) => [...decodeFloats(tf, signals).dataSync()])),
    [half, half].flatMap(({ labels }) => [...labels.dataSync()]),
  );
  const loss = (settings: GivenSettings, devices: string[], part: Batch) =>
    trainTwice('graph', { ...given, ...settings }, part, { devices }).losses[0]!;
  const differ = (settings: GivenSettings) =>
    Math.abs(loss(settings, DEVICES, twice) / loss(settings, [], half) - 1);
  assert.ok(differ({}) < 1e-6);
  for (const settings of [{ noise: 0.5 }, { dropout_rate: 0.5 }])
    assert.ok(differ(settings) > 1e-4, JSON.stringify(settings));
});
