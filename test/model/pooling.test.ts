import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Tensor, Tensor1D, Tensor2D, Tensor3D } from '@tensorflow/tfjs-node-gpu';
import { poolBatch, poolBy } from '../../src/model/pooling.ts';
import { POOLING } from '../../src/model/presets.ts';
import { largestDifference, tf } from './tensorflow.ts';

const WINDOWS = 40;
const gamma = tf.tensor1d([0.5, -1.5, 2]);
const beta = tf.tensor1d([0.1, 0.2, -0.3]);
const direction = tf.randomNormal([WINDOWS, 3], 0, 1, 'float32', 2);

/** Windows along either axis, and the same numbers as [POOLING, WINDOWS, 3]. */
const LAYOUTS = [
  { axis: 0, toFirst: (windows: Tensor3D) => windows },
  { axis: 1, toFirst: (windows: Tensor3D) => windows.transpose<Tensor3D>([1, 0, 2]) },
] as const;

/** By definition: all inputs are normalized and activated, and the largest output of each window is taken. */
function poolPlainly(
  first: Tensor3D,
  gamma: Tensor1D,
  beta: Tensor1D,
  mean: Tensor,
  variance: Tensor,
): Tensor2D {
  const u = first.sub(mean).mul(gamma).div(variance.add(1e-5).sqrt()).add(beta);
  return u.mul(u.sigmoid()).max(0);
}

/** Output and gradients of windows, gamma and beta. */
function differentiate(
  work: (windows: Tensor3D, gamma: Tensor1D, beta: Tensor1D) => Tensor,
  windows: Tensor3D,
) {
  const run = (...inputs: Tensor[]) => work(...(inputs as [Tensor3D, Tensor1D, Tensor1D]));
  const gradients = tf.grads((...inputs: Tensor[]) =>
    run(...inputs)
      .mul(direction)
      .sum(),
  )([windows, gamma, beta]);
  return [run(windows, gamma, beta), ...gradients].map((tensor) => Float32Array.from(tensor.dataSync()));
}

const largestFault = (actual: Float32Array[], expected: Float32Array[]) =>
  Math.max(...expected.map((array, i) => largestDifference(actual[i]!, array)));

for (const { axis, toFirst } of LAYOUTS) {
  const shape: [number, number, number] = axis === 0 ? [POOLING, WINDOWS, 3] : [WINDOWS, POOLING, 3];
  const windows = tf.randomNormal(shape, 0.5, 2, 'float32', 1) as Tensor3D;
  const convolved = (windows: Tensor3D) => ({
    windows,
    axis,
    arrange: (pooled: Tensor2D) => pooled.expandDims<Tensor3D>(0),
  });

  test(`windows along axis ${axis} are normalized, activated and pooled as in separate steps, gradients too`, () => {
    const ours = differentiate(
      (windows, gamma, beta) => poolBatch(tf, convolved(windows), gamma, beta).output,
      windows,
    );
    const plain = (slope: number) =>
      differentiate((windows, gamma, beta) => {
        const first = toFirst(windows);
        const { mean, variance } = tf.moments(first, [0, 1]);
        return poolPlainly(first, gamma, beta, mean, variance).mul(slope);
      }, windows);
    assert.ok(largestFault(ours, plain(1)) <= 1e-5, `${largestFault(ours, plain(1))}`);
    assert.ok(largestFault(ours, plain(1.001)) > 1e-4);
  });

  test(`windows along axis ${axis} are pooled by given statistics`, () => {
    const [mean, variance] = [tf.tensor1d([1, -1, 0.5]), tf.tensor1d([2, 3, 0.5])];
    const ours = poolBy(tf, convolved(windows), { mean, variance }, gamma, beta);
    const plain = poolPlainly(toFirst(windows), gamma, beta, mean, variance);
    assert.ok(largestDifference(ours.dataSync(), plain.dataSync()) <= 1e-5);
    const other = poolBy(tf, convolved(windows), { mean: variance, variance }, gamma, beta);
    assert.ok(largestDifference(other.dataSync(), plain.dataSync()) > 0.1);
  });

  test(`equal inputs of a window share its gradient (axis ${axis})`, () => {
    // All four of the first window, and two of the second.
    const values = [...toFirst(windows).dataSync()];
    for (let c = 0; c < 3; c++) {
      for (const q of [1, 2, 3]) values[q * WINDOWS * 3 + c] = values[c]!;
      for (const [q, value] of [9, 9, 0, 0].entries())
        values[(q * WINDOWS + 1) * 3 + c] = value * Math.sign([1, -1, 1][c]!);
    }
    const first = tf.tensor3d(values, [POOLING, WINDOWS, 3]);
    const [, gradient] = differentiate(
      (windows, gamma, beta) => poolBatch(tf, convolved(windows), gamma, beta).output,
      axis === 0 ? first : first.transpose([1, 0, 2]),
    );
    const turned = toFirst(tf.tensor3d(gradient!, shape)).dataSync();
    const at = (q: number, window: number, c: number) => turned[(q * WINDOWS + window) * 3 + c]!;
    for (let c = 0; c < 3; c++) {
      assert.equal(at(0, 0, c), at(3, 0, c));
      assert.equal(at(0, 1, c), at(1, 1, c));
      assert.notEqual(at(0, 1, c), at(2, 1, c));
    }
    // A shift of a batch norm's whole input has no effect. So the gradient's sum is 0, unless a share was counted
    // twice.
    const sums = tf.tensor3d(turned, [POOLING, WINDOWS, 3]).sum([0, 1]).dataSync();
    assert.ok(largestDifference(sums, [0, 0, 0]) <= 1e-5, `${sums}`);
  });
}
