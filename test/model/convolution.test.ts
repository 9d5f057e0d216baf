import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Tensor, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-node-gpu';
import { convolveBlocks } from '../../src/model/block-convolution.ts';
import {
  type Convolution,
  type Convolved,
  createDirectConvolution,
  createFourierConvolution,
} from '../../src/model/convolution.ts';
import { planConvolution } from '../../src/model/fourier.ts';
import { largestDifference, tf } from './tensorflow.ts';

const random = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 1, 'float32', seed);

const weightsOf = (window: number) => tf.range(1, window + 1).div(10);

/** A map of a weighted mean of each window, which depends on every output of a convolution. */
function averageWindows({ windows, axis, arrange }: Convolved): Tensor3D {
  const window = windows.shape[axis]!;
  const ofWindow = weightsOf(window).reshape(axis === 0 ? [window, 1, 1] : [1, window, 1]);
  return arrange(windows.mul(ofWindow).sum<Tensor2D>(axis).reshape([-1, windows.shape[2]]));
}

function convolvePlainly(map: Tensor3D, kernel: Tensor3D): Tensor4D {
  const [batch, times, channels] = map.shape;
  const [length, , filters] = kernel.shape;
  return tf.conv2d(
    map.reshape<Tensor4D>([batch, 1, times, channels]),
    kernel.reshape<Tensor4D>([1, length, channels, filters]),
    1,
    'same',
  );
}

/** averageWindows with tfjs' own ops, for a map [B, T, C]. */
function averagePlainly(map: Tensor3D, kernel: Tensor3D, window: number): Tensor3D {
  const [batch, times] = map.shape;
  return convolvePlainly(map, kernel)
    .reshape([batch, times / window, window, -1])
    .mul(weightsOf(window).reshape([1, 1, window, 1]))
    .sum(2);
}

/** Output and gradients, as numbers. */
function differentiate(work: (...inputs: Tensor[]) => Tensor, inputs: Tensor[]): Float32Array[] {
  return tf.tidy(() => {
    const output = work(...inputs);
    const direction = random(output.shape, 9);
    const gradients = tf.grads((...inputs: Tensor[]) =>
      work(...inputs)
        .mul(direction)
        .sum(),
    )(inputs);
    return [output, ...gradients].map((tensor) => Float32Array.from(tensor.dataSync()));
  });
}

function largestFault(actual: Float32Array[], expected: Float32Array[]): number {
  const faults = expected.map((array, i) => {
    const largest = array.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    return largestDifference(actual[i]!, array) / largest;
  });
  return Math.max(...faults);
}

/** Layers like those of the presets, and the smallest ones. */
const LAYERS = [
  { times: 1024, length: 32, channels: 5, filters: 6, window: 4 },
  { times: 256, length: 16, channels: 7, filters: 4, window: 4 },
  { times: 64, length: 8, channels: 4, filters: 9, window: 4 },
  { times: 256, length: 127, channels: 3, filters: 2, window: 1 },
  { times: 128, length: 31, channels: 3, filters: 2, window: 2 },
  { times: 8, length: 7, channels: 5, filters: 4, window: 1 },
  { times: 32, length: 33, channels: 1, filters: 1, window: 4 },
  { times: 32, length: 34, channels: 1, filters: 2, window: 1 },
  { times: 32, length: 1, channels: 2, filters: 3, window: 4 },
];

for (const [name, create] of [
  ['direct', createDirectConvolution],
  ['Fourier', createFourierConvolution],
] as const) {
  const convolution: Convolution = create(tf);
  /** Converts a map between [B, T, C] and the layout of the convolution. */
  const turn = (map: Tensor3D) => (convolution.timeAxis === 1 ? map : map.transpose<Tensor3D>([1, 0, 2]));

  for (const { times, length, channels, filters, window } of LAYERS) {
    test(`a ${name} convolution of ${times} time points with a kernel of ${length}, for windows of ${window}, is conv2d, its gradients too`, () => {
      const inputs = [random([3, times, channels], 1), random([length, channels, filters], 2)];
      const ours = differentiate(
        (map, kernel) =>
          turn(averageWindows(convolution.ofMap(turn(map as Tensor3D), kernel as Tensor3D, window))),
        inputs,
      );
      const plain = (shift: number) =>
        differentiate(
          (map, kernel) => averagePlainly(map as Tensor3D, (kernel as Tensor3D).mul(1 + shift), window),
          inputs,
        );
      assert.ok(largestFault(ours, plain(0)) <= 2e-6, `${largestFault(ours, plain(0))}`);
      assert.ok(largestFault(ours, plain(1e-4)) > 2e-5);
    });
  }

  for (const [length, window] of [
    [64, 4],
    [127, 1],
  ] as const)
    test(`a ${name} convolution of strain with a kernel of ${length} is conv2d, the kernel's gradient too`, () => {
      const strain = random([3, 4096], 3) as Tensor2D;
      const kernel = random([length, 1, 5], 4);
      const ours = differentiate(
        (kernel) => turn(averageWindows(convolution.ofStrain(strain, kernel as Tensor3D, window))),
        [kernel],
      );
      const plain = (shift: number) =>
        differentiate(
          (kernel) => averagePlainly(strain.expandDims(2), (kernel as Tensor3D).mul(1 + shift), window),
          [kernel],
        );
      assert.ok(largestFault(ours, plain(0)) <= 2e-6, `${largestFault(ours, plain(0))}`);
      assert.ok(largestFault(ours, plain(1e-4)) > 2e-5);
    });
}

for (const length of [1, 2, 7, 31, 32, 126, 127])
  test(`a convolution over blocks with a kernel of ${length} is conv2d, its gradients too`, () => {
    const inputs = [random([2, 3, 128, 4], 1), random([length, 4, 5], 2)];
    const ours = differentiate(
      (map, kernel) => convolveBlocks(tf, map as Tensor4D, kernel as Tensor3D),
      inputs,
    );
    const plain = (shift: number) =>
      differentiate(
        (map, kernel) =>
          convolvePlainly(map.reshape([6, 128, 4]), (kernel as Tensor3D).mul(1 + shift)).reshape([
            2, 3, 128, 5,
          ]),
        inputs,
      );
    assert.ok(largestFault(ours, plain(0)) <= 2e-6, `${largestFault(ours, plain(0))}`);
    assert.ok(largestFault(ours, plain(1e-4)) > 2e-5);
  });

test('a convolution that does not fit blocks is refused', () => {
  assert.throws(() => planConvolution(1000, 8, 4), /1000 time points/);
  assert.throws(() => planConvolution(1024, 8, 3), /windows of 3/);
  const map = tf.zeros([1, 1, 100, 1]) as Tensor4D;
  assert.throws(() => convolveBlocks(tf, map, tf.zeros([32, 1, 1])), /100 time points don't fit blocks of 8/);
});
