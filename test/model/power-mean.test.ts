import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Tensor, Tensor1D, Tensor3D } from '@tensorflow/tfjs-node-gpu';
import { powerMean } from '../../src/model/power-mean.ts';
import { largestDifference, tf } from './tensorflow.ts';

const x = tf.randomNormal([6, 4, 5], 0.5, 1, 'float32', 1) as Tensor3D;
const direction = tf.randomNormal([6, 5], 0, 1, 'float32', 2);

/** Output and gradients by x and p. */
function differentiate(pool: (x: Tensor3D, p: Tensor1D) => Tensor, x: Tensor3D, p: Tensor1D): Float32Array[] {
  const run = (...inputs: Tensor[]) => pool(...(inputs as [Tensor3D, Tensor1D]));
  const gradients = tf.grads((...inputs: Tensor[]) =>
    run(...inputs)
      .mul(direction)
      .sum(),
  )([x, p]);
  return [run(x, p), ...gradients].map((tensor) => Float32Array.from(tensor.dataSync()));
}

const ours = (x: Tensor3D, p: Tensor1D) => powerMean(tf, x, p);

/** The definition; the inputs below 1e-6 are clipped, and have no gradient. */
const plain = (x: Tensor3D, p: Tensor1D) => x.clipByValue(1e-6, 1e10).pow(p).mean(1).pow(tf.div(1, p));

for (const power of [1, 1.5, 3])
  test(`the generalized mean of windows with the power ${power} is its definition, gradients too`, () => {
    const [actual, expected, other] = [
      differentiate(ours, x, tf.tensor1d([power])),
      differentiate(plain, x, tf.tensor1d([power])),
      differentiate(plain, x, tf.tensor1d([power + 1e-3])),
    ] as const;
    for (const [i, values] of expected.entries()) {
      const difference = largestDifference(actual[i]!, values);
      assert.ok(difference <= 5e-6, `${difference}`);
      assert.ok(largestDifference(actual[i]!, other[i]!) > 2e-5);
    }
  });

test('windows whose powers float32 cannot tell from 0 have their mean, and finite gradients', () => {
  const tiny = tf.tensor3d([
    [[-1], [-2]],
    [[1e-5], [1e-5]],
    [[-3], [1e-4]],
    [[0], [1e4]],
  ]);
  for (const power of [3, 10]) {
    const inputs = [tiny, tf.tensor1d([power])] as const;
    const [output, dx, dp] = [
      powerMean(tf, ...inputs),
      ...tf.grads((...inputs: Tensor[]) => powerMean(tf, ...(inputs as [Tensor3D, Tensor1D])).sum())([
        ...inputs,
      ]),
    ].map((tensor) => [...tensor.dataSync()]) as [number[], number[], number[]];
    const half = 2 ** (-1 / power);
    for (const [i, value] of [1e-6, 1e-5, 1e-4 * half, 1e4 * half].entries())
      assert.ok(Math.abs(output[i]! / value - 1) < 1e-4, `${output}`);
    // By definition the derivative of a mean of equal numbers by each of two is a half.
    const expected = [0, 0, 0.5, 0.5, 0, half, 0, half];
    assert.ok(largestDifference(dx, expected) < 1e-4, `${dx}`);
    assert.ok(Number.isFinite(dp[0]!));
  }
});
