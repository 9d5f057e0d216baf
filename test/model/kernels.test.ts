import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs-node-gpu';
import { normalizeBatch, seededUniform, silu } from '../../src/model/kernels.ts';
import { largestDifference, tf } from './tensorflow.ts';

type Layer = (x: Tensor4D, gamma: Tensor1D, beta: Tensor1D) => Tensor;

const x = tf.randomNormal([6, 1, 50, 3], 0.5, 2, 'float32', 1) as Tensor4D;
const weights = tf.randomNormal(x.shape, 0, 1, 'float32', 2);
const gamma = tf.tensor1d([0.5, -1.5, 2]);
const beta = tf.tensor1d([0.1, 0.2, -0.3]);

/** Output and gradients of x, gamma and beta, by the layer alone. */
function differentiate(layer: Layer): Float32Array[] {
  const [dx, dGamma, dBeta] = tf.grads((...inputs: Tensor[]) =>
    layer(...(inputs as [Tensor4D, Tensor1D, Tensor1D]))
      .mul(weights)
      .sum(),
  )([x, gamma, beta]);
  return [layer(x, gamma, beta), dx!, dGamma!, dBeta!].map((tensor) => Float32Array.from(tensor.dataSync()));
}

function agree(actual: Layer, expected: Layer): boolean {
  const ours = differentiate(actual);
  return differentiate(expected).every((array, i) => largestDifference(ours[i]!, array) <= 1e-4);
}

const plainNorm: Layer = (x, gamma, beta) => {
  const { mean, variance } = tf.moments(x, [0, 1, 2]);
  return x.sub(mean).mul(gamma).div(variance.add(1e-5).sqrt()).add(beta);
};

test('batch norm has the output and the gradients of its plain formula', () => {
  const ours: Layer = (x, gamma, beta) => normalizeBatch(tf, x, gamma, beta).output;
  assert.ok(agree(ours, plainNorm));
  const wrong: Layer = (x, gamma, beta) => plainNorm(x, gamma, beta).add(x.mul(1e-3));
  assert.ok(!agree(ours, wrong));
});

test('batch norm gives the mean and the population variance of each channel', () => {
  const { mean, variance } = normalizeBatch(tf, x, gamma, beta);
  const expected = tf.moments(x, [0, 1, 2]);
  assert.ok(largestDifference(mean.dataSync(), expected.mean.dataSync()) < 1e-6);
  assert.ok(largestDifference(variance.dataSync(), expected.variance.dataSync()) < 1e-5);
});

test('SiLU has the output and the gradient of x sigmoid(x), at large |x| too', () => {
  const through = (activate: (x: Tensor4D) => Tensor): Layer => {
    return (x, gamma, beta) => activate(x.mul(gamma).add(beta).mul(20) as Tensor4D);
  };
  const ours = through((x) => silu(tf, x));
  assert.ok(
    agree(
      ours,
      through((x) => x.mul(x.sigmoid())),
    ),
  );
  assert.ok(
    !agree(
      ours,
      through((x) => x.relu()),
    ),
  );
});

test('uniform numbers depend on both parts of their seed and on nothing else, and fill [0, 1)', () => {
  const draw = (a: number, b: number) => [
    ...seededUniform(tf, [10_000], tf.tensor1d([a, b], 'int32')).dataSync(),
  ];
  const numbers = draw(1, 2);
  assert.deepEqual(draw(1, 2), numbers);
  assert.notDeepEqual(draw(1, 3), numbers);
  assert.notDeepEqual(draw(2, 2), numbers);
  assert.ok(numbers.every((value) => value >= 0 && value < 1));
  const mean = numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
  assert.ok(Math.abs(mean - 0.5) < 0.015, `mean ${mean}`);
});
