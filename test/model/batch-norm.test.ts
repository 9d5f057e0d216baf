import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs-node-gpu';
import { normalizeBatch } from '../../src/model/batch-norm.ts';
import { createJointMaps } from '../../src/model/joint-maps.ts';
import { silu } from '../../src/model/operations.ts';
import { largestDifference, tf } from './tensorflow.ts';

const x = tf.randomNormal([2, 4, 16, 3], 0.5, 2, 'float32', 1) as Tensor4D;
const gamma = tf.tensor1d([0.5, -1.5, 2]);
const beta = tf.tensor1d([0.1, 0.2, -0.3]);
const direction = tf.randomNormal(x.shape, 0, 1, 'float32', 2);

/** Output and gradients by all inputs. */
function differentiate(work: (...inputs: [Tensor4D, Tensor1D, Tensor1D]) => Tensor): Float32Array[] {
  const run = (...inputs: Tensor[]) => work(...(inputs as [Tensor4D, Tensor1D, Tensor1D]));
  const gradients = tf.grads((...inputs: Tensor[]) =>
    run(...inputs)
      .mul(direction)
      .sum(),
  )([x, gamma, beta]);
  return [run(x, gamma, beta), ...gradients].map((tensor) => Float32Array.from(tensor.dataSync()));
}

function normalizePlainly(x: Tensor, axes: number[], gamma: Tensor, beta: Tensor, epsilon = 1e-5): Tensor {
  const { mean, variance } = tf.moments(x, axes, true);
  return x.sub(mean).div(variance.add(epsilon).sqrt()).mul(gamma).add(beta);
}

const joint = createJointMaps(tf);

for (const [name, axes, normalize] of [
  ['all of the batch', [0, 1, 2], (...inputs) => normalizeBatch(tf, ...inputs)],
  ['each path', [1, 2], (...inputs) => joint.normalizeBatch(...inputs)],
] as [
  string,
  number[],
  (...inputs: [Tensor4D, Tensor1D, Tensor1D]) => ReturnType<typeof joint.normalizeBatch>,
][]) {
  test(`a map is normalized by the statistics of ${name} as in separate steps, gradients too`, () => {
    const ours = differentiate((...inputs) => normalize(...inputs).output);
    const plain = differentiate((x, gamma, beta) => normalizePlainly(x, axes, gamma, beta));
    const other = differentiate((x, gamma, beta) => normalizePlainly(x, axes, gamma, beta, 1e-2));
    for (const [i, values] of plain.entries())
      assert.ok(largestDifference(ours[i]!, values) < 1e-4, `${i}: ${largestDifference(ours[i]!, values)}`);
    assert.ok(largestDifference(ours[0]!, other[0]!) > 1e-3 && largestDifference(ours[1]!, other[1]!) > 1e-3);
    const { mean, variance } = normalize(x, gamma, beta);
    const moments = tf.moments(x, axes);
    assert.ok(largestDifference(mean.dataSync(), moments.mean.dataSync()) < 1e-5);
    assert.ok(largestDifference(variance.dataSync(), moments.variance.dataSync()) < 1e-5);
  });
}

test('silu is x sigmoid(x), its gradient too', () => {
  const differentiate = (work: (x: Tensor) => Tensor) => [
    work(x),
    tf.grad((x) => work(x).mul(direction).sum())(x),
  ];
  const [ours, plain] = [differentiate((x) => silu(tf, x)), differentiate((x) => x.mul(x.sigmoid()))];
  for (const [i, values] of plain.entries())
    assert.ok(largestDifference(ours[i]!.dataSync(), values.dataSync()) < 1e-6);
  assert.ok(largestDifference(ours[0]!.dataSync(), x.sigmoid().dataSync()) > 0.1);
});
