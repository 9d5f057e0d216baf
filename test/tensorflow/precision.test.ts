import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Tensor, Tensor4D } from '@tensorflow/tfjs-node-gpu';
import { recordProgram } from '../../src/tensorflow/graph/graph-program.ts';
import type { LowType } from '../../src/tensorflow/graph/precision.ts';
import { largestDifference, tf } from '../model/tensorflow.ts';

/** bfloat16 has 8 significant bits, so its numbers between 1 and 2 are 1/128 apart. */
const STEP = 2 ** -7;

const run = (
  low: LowType | undefined,
  inputs: Tensor[],
  work: (...inputs: Tensor[]) => Tensor[],
): number[][] => {
  const program = recordProgram(tf, [], inputs, () => ({ outputs: work(...inputs) }), { low });
  const results = program.run(inputs).map((tensor) => [...tensor.dataSync()]);
  program.dispose();
  return results;
};

/** 1 x 1 convolution: multiplies each number by 1. */
const convolve = (x: Tensor) =>
  tf.conv2d(x.reshape<Tensor4D>([1, 1, -1, 1]), tf.ones([1, 1, 1, 1]) as Tensor4D, 1, 'same');

test('in mixed precision a convolution rounds to bfloat16, and the next ops stay there until a sum', () => {
  const x = tf.tensor1d([1, 1 + STEP, 1 + STEP / 4, 1 + STEP * 0.75]);
  const work = (x: Tensor) => {
    const y = convolve(x);
    const moved = y.add(STEP / 4);
    return [y, moved, y.mean(), tf.mean(x.add(STEP / 4))];
  };
  const [rounded, moved, mean, untouched] = run('bfloat16', [x], work) as [
    number[],
    number[],
    number[],
    number[],
  ];
  assert.deepEqual(rounded, [1, 1 + STEP, 1, 1 + STEP]);
  assert.deepEqual(moved, rounded);
  // Halfway between two numbers of bfloat16.
  assert.deepEqual(mean, [1 + STEP / 2]);
  assert.deepEqual(untouched, [1 + STEP * 0.75]);
  assert.deepEqual(run(undefined, [x], work)[0], [...x.dataSync()]);
});

test('the gradient of a kernel is float32 again, so its sums and updates are float32', () => {
  const x = tf.tensor1d([1, 1]);
  const kernel = tf.tensor4d([1], [1, 1, 1, 1]);
  const work = (x: Tensor, kernel: Tensor) => {
    const loss = (kernel: Tensor) =>
      tf.conv2d(x.reshape<Tensor4D>([1, 1, 2, 1]), kernel as Tensor4D, 1, 'same').sum();
    return [
      tf
        .grad(loss)(kernel)
        .add(STEP / 4),
    ];
  };
  assert.deepEqual(run('bfloat16', [x, kernel], work), [[2 + STEP / 4]]);
});

test('comparisons and selections of bfloat16 numbers see the rounded values', () => {
  const x = tf.tensor1d([1, 1 + STEP, 1 + STEP / 4]);
  const work = (x: Tensor) => {
    const y = convolve(x).reshape([3]);
    return [tf.where(y.equal(y.max()), y, tf.zerosLike(y)), y.greaterEqual(y.min()).cast('int32')];
  };
  const [chosen, all] = run('bfloat16', [x], work) as [number[], number[]];
  assert.equal(largestDifference(chosen, [0, 1 + STEP, 0]), 0);
  assert.deepEqual(all, [1, 1, 1]);
});
