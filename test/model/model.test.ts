import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Tensor3D } from '@tensorflow/tfjs-node-gpu';
import { createRandomStream } from '../../src/core/random.ts';
import { SAMPLE_LENGTH } from '../../src/core/strain.ts';
import { createModel } from '../../src/model/model.ts';
import { isConvolutional, PRESETS } from '../../src/model/presets.ts';
import { checkWeights, initialWeights, type Weights } from '../../src/model/weights.ts';
import { readNpz, writeNpz } from '../../src/numpy/npz.ts';
import { sampleTaper } from '../../src/signal/sample-taper.ts';
import { sigmoid } from '../../src/training/fit/logit.ts';
import { fixture, scratch } from '../support/fixtures.ts';
import { runPython } from '../support/python.ts';
import { largestDifference, tf } from './tensorflow.ts';
import './tiny-preset.ts';

const signals = tf.randomNormal([4, 3, 4096], 0, 1, 'float32', 3) as Tensor3D;

/** Weights without their initial constants, as after a training. */
function usedWeights(seed: number): Weights {
  const random = createRandomStream(seed, 0, 0);
  const weights = initialWeights('diy', seed);
  for (const [name, { data }] of weights) {
    if (name.endsWith('_W')) continue;
    for (let i = 0; i < data.length; i++) data[i]! += 0.2 * Math.abs(random.normal());
  }
  return weights;
}

/** The reference's model function, from the script that made the golden run. */
const REFERENCE = `
import sys
import numpy as np
script, folder = sys.argv[1:3]
sys.argv = ['script', '', '', '']
source = open(script).read().split('LR, WD, STEPS, B =')[0]
assert 'def model' in source
exec(source)
x = np.fromfile(folder + '/signals', '<f4').reshape(-1, 3, 4096)
def predict():
    return model(tf.constant(x), False).numpy()[:, 0]
initial = {k: v.numpy() for k, v in V.items()}
`;

test('we and the Python reference load weights.npz of each other, and predict the same probabilities', async (t) => {
  const folder = scratch(t);
  const weights = usedWeights(1);
  const predict = (used: Weights) => {
    const model = createModel(tf, used, { preset: 'diy', convolution: 'fourier', dropout: 0.5 });
    const probabilities = model.logits(signals).dataSync().map(sigmoid);
    model.dispose();
    return probabilities;
  };
  writeFileSync(join(folder, 'signals'), signals.dataSync());
  writeFileSync(join(folder, 'ours.npz'), await writeNpz(weights));
  const [ofOurs, ofTheirs]: [number[], number[]] = JSON.parse(
    runPython(
      `${REFERENCE}
stored = np.load(folder + '/ours.npz')
assert sorted(stored.files) == sorted(V), stored.files
for k in V: V[k].assign(stored[k])
ours = predict().tolist()
for k in V:
    V[k].assign(initial[k] if k.endswith('_W') else initial[k] + .2 * abs(rng.normal(size=V[k].shape)))
np.savez(folder + '/theirs.npz', **{k: v.numpy() for k, v in V.items()})
print([ours, predict().tolist()])`,
      fixture('make_training_golden.py'),
      folder,
    ),
  );
  const ours = predict(weights);
  assert.ok(largestDifference(ours, ofOurs) <= 1e-5, `${ours} ${ofOurs}`);
  // Samples differ by far more, so that the comparison can fail.
  assert.ok(largestDifference(ours, ofOurs.toReversed()) > 1e-3);
  const file = join(folder, 'theirs.npz');
  const theirs = predict(checkWeights('diy', await readNpz(readFileSync(file), file), file));
  assert.ok(largestDifference(theirs, ofTheirs) <= 1e-5, `${theirs} ${ofTheirs}`);
  assert.ok(largestDifference(theirs, ofOurs) > 1e-3);
});

test('weights come back from the model as they went in', () => {
  const weights = usedWeights(2);
  const model = createModel(tf, weights, { preset: 'diy', convolution: 'fourier', dropout: 0 });
  assert.deepEqual(model.getWeights(), weights);
  const others = usedWeights(3);
  model.setWeights(others);
  assert.deepEqual(model.getWeights(), others);
  model.dispose();
});

const seedOf = (a: number, b: number) => tf.tensor1d([a, b], 'int32');

test('a bias before a batch norm changes only the moving mean in training', () => {
  const predict = (bias: number) => {
    const weights = initialWeights('diy', 4);
    weights.get('conv1_b')!.data.fill(bias);
    const model = createModel(tf, weights, { preset: 'diy', convolution: 'fourier', dropout: 0 });
    const probabilities = [...model.probabilitiesForTraining(signals, seedOf(0, 0)).dataSync()];
    const means = model.getWeights().get('bn1_mean')!.data;
    model.dispose();
    return { probabilities, means };
  };
  const [without, with5] = [predict(0), predict(5)];
  assert.deepEqual(with5.probabilities, without.probabilities);
  // Three updates, one per detector, of a tenth each.
  const moved = without.means.map((mean) => mean + 5 * (1 - 0.9 ** 3));
  assert.ok(largestDifference(with5.means, moved) < 1e-5);
});

test('GeM’s p is clipped to [1, 10]', () => {
  const predict = (p: number) => {
    const weights = initialWeights('diy', 5);
    weights.get('gem_p')!.data.fill(p);
    const model = createModel(tf, weights, { preset: 'diy', convolution: 'fourier', dropout: 0 });
    const logits = [...model.logits(signals).dataSync()];
    model.dispose();
    return logits;
  };
  assert.deepEqual(predict(-3), predict(1));
  assert.deepEqual(predict(40), predict(10));
  assert.notDeepEqual(predict(1), predict(10));
});

test('coherent is coherent-v1 on an input divided by the tapers, if all times weigh the same', () => {
  const weights = initialWeights('coherent', 7);
  const coherent = createModel(tf, weights, { preset: 'coherent', dropout: 0 });
  const tapered = createModel(tf, new Map([...weights].filter(([name]) => name !== 'gem_time')), {
    preset: 'coherent-v1',
    dropout: 0,
  });
  const taper = sampleTaper();
  const untapered = signals.dataSync().map((value, i) => value / Math.max(taper[i % SAMPLE_LENGTH]!, 0.1));
  const expected = tapered.logits(tf.tensor3d(untapered, [4, 3, SAMPLE_LENGTH])).dataSync();
  const ours = coherent.logits(signals).dataSync();
  assert.ok(largestDifference(ours, expected) < 1e-4, `${ours} ${expected}`);
  assert.ok(largestDifference(tapered.logits(signals).dataSync(), expected) > 1e-3);
  // With all the weight on one of the 16 time points, what is far from it doesn't matter.
  weights.get('gem_time')!.data[12] = 100;
  coherent.setWeights(weights);
  const [first, second] = [1, 1024].map((end) => {
    const changed = tf.concat([tf.ones([4, 3, end]), signals.slice([0, 0, end], [-1, -1, -1])], 2);
    return coherent.logits(changed as Tensor3D).dataSync();
  });
  assert.deepEqual(first, second);
  for (const model of [coherent, tapered]) model.dispose();
});

test('equal seeds drop the same outputs, other seeds drop others, and prediction drops none', () => {
  const model = createModel(tf, initialWeights('diy', 6), {
    preset: 'diy',
    convolution: 'fourier',
    dropout: 0.5,
  });
  const train = (a: number, b: number) => [
    ...model.probabilitiesForTraining(signals, seedOf(a, b)).dataSync(),
  ];
  const first = train(1, 1);
  assert.deepEqual(train(1, 1), first);
  assert.notDeepEqual(train(1, 2), first);
  assert.notDeepEqual(train(2, 1), first);
  assert.deepEqual([...model.logits(signals).dataSync()], [...model.logits(signals).dataSync()]);
  model.dispose();
});

test('creating, using and disposing of a model leaks no tensor', () => {
  const before = tf.memory().numTensors;
  const model = createModel(tf, initialWeights('diy', 7), {
    preset: 'diy',
    convolution: 'fourier',
    dropout: 0.5,
  });
  const held = tf.memory().numTensors;
  tf.tidy(() => [model.logits(signals), model.probabilitiesForTraining(signals, seedOf(0, 0))].length);
  model.setWeights(model.getWeights());
  assert.equal(tf.memory().numTensors, held);
  model.dispose();
  assert.equal(tf.memory().numTensors, before);
});

for (const preset of PRESETS.filter(isConvolutional)) {
  test(`all ways to convolve give the same ${preset} model`, () => {
    const weights = initialWeights(preset, 8);
    const [direct, ...others] = (['direct', 'fourier', 'blocks'] as const).map((convolution) => {
      const model = createModel(tf, weights, { preset, dropout: 0, convolution });
      // Moves the statistics first, so that all maps have reasonable values.
      const trained = [...model.probabilitiesForTraining(signals, seedOf(0, 0)).dataSync()];
      const logits = [...model.logits(signals).dataSync()];
      const { data } = model.getWeights().get('bn0_var')!;
      model.dispose();
      return { trained, logits, data };
    });
    for (const other of others) {
      assert.ok(
        largestDifference(other.trained, direct!.trained) < 1e-4,
        `${other.trained} ${direct!.trained}`,
      );
      assert.ok(largestDifference(other.logits, direct!.logits) < 1e-3, `${other.logits} ${direct!.logits}`);
      assert.ok(largestDifference(other.data, direct!.data) < 1e-3);
    }
    assert.ok(largestDifference(direct!.logits, direct!.logits.toReversed()) > 1e-2, `${direct!.logits}`);
  });
}

test('swapping H1 and L1 swaps the features of coherent-large before the detectors meet, swapping H1 and V1 does not', () => {
  const preset = 'coherent-large';
  const order = (...detectors: number[]) => tf.gather(signals, tf.tensor1d(detectors, 'int32'), 1);
  const predict = (given: Tensor3D, weights: Weights) => {
    const model = createModel(tf, weights, { preset, dropout: 0, convolution: 'fourier' });
    const logits = [...model.logits(given).dataSync()];
    model.dispose();
    return logits;
  };
  const weights = initialWeights(preset, 9);
  const swapped: Weights = new Map(weights);
  // Where the detectors meet, the kernels have the channels of H1 and L1 in exchanged order, 16 each.
  for (const name of ['conv24_W', 'conv26_W', 'conv29_W', 'conv31_W']) {
    const { shape, data, dtype } = weights.get(name)!;
    const [taps, channels, filters] = shape as [number, number, number];
    const exchanged = data.slice();
    for (let tap = 0; tap < taps; tap++)
      for (let channel = 0; channel < 32; channel++) {
        const [from, to] = [channel, (channel + 16) % 32].map((c) => (tap * channels + c) * filters) as [
          number,
          number,
        ];
        exchanged.set(data.subarray(from, from + filters), to);
      }
    swapped.set(name, { shape, dtype, data: exchanged });
  }
  const expected = predict(signals, weights);
  const differ = (actual: number[]) =>
    largestDifference(actual, expected) / Math.max(...expected.map(Math.abs));
  const differences = [
    differ(predict(order(1, 0, 2), swapped)),
    differ(predict(order(1, 0, 2), weights)),
    differ(predict(order(2, 1, 0), swapped)),
  ] as const;
  assert.ok(differences[0] < 1e-4 && differences[1] > 1e-3 && differences[2] > 1e-3, `${differences}`);
});
