import type { Tensor, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-node-gpu';
import type { TF } from '../tensorflow/install/load.ts';
import { type FourierPlan, type Matrix, planConvolution } from './fourier.ts';
import { gather, type Save } from './operations.ts';

/** A convolution's output, split into the windows that are pooled next. */
export interface Convolved {
  /** The time points of each window along `axis`, channels last: [..., window, ..., C]. */
  windows: Tensor3D;
  axis: 0 | 1;
  /** Turns one value per window [windows, C], in the windows' order, into a map. */
  arrange(pooled: Tensor2D): Tensor3D;
}

/**
 * A way to convolve over time, with zeros beyond both ends. A map has time along `timeAxis`, the batch along the
 * other one of the first two axes, and channels along the last.
 */
export interface Convolution {
  readonly timeAxis: 0 | 1;
  /**
   * Convolves strain [B, T] with a kernel [length, 1, out], for windows of so many time points. Differentiable with respect to the
   * kernel.
   */
  ofStrain(strain: Tensor2D, kernel: Tensor3D, window: number): Convolved;
  /** Convolves a map with a kernel [length, in, out]. */
  ofMap(map: Tensor3D, kernel: Tensor3D, window: number): Convolved;
}

/** Uses TensorFlow's own convolutions, which are best on GPUs and on CPUs with bfloat16 units. Maps are [B, T, C]. */
export function createDirectConvolution(tf: TF): Convolution {
  const ofMap = (map: Tensor3D, kernel: Tensor3D, window: number): Convolved => {
    const [batch, times, channels] = map.shape;
    const [length, , filters] = kernel.shape;
    const convolved = tf.conv2d(
      map.reshape<Tensor4D>([batch, 1, times, channels]),
      kernel.reshape<Tensor4D>([1, length, channels, filters]),
      1,
      'same',
    );
    return {
      windows: convolved.reshape([(batch * times) / window, window, filters]),
      axis: 1,
      arrange: (pooled) => pooled.reshape([batch, times / window, filters]),
    };
  };
  return {
    timeAxis: 1,
    ofMap,
    ofStrain: (strain, kernel, window) => ofMap(strain.reshape([...strain.shape, 1]), kernel, window),
  };
}

/**
 * Uses products at evaluation points (fourier.ts). On a CPU they take a third of the time, and their gradients a
 * quarter, since oneDNN has no kernel of its own for the gradient of a long kernel. Maps are [T, B, C], which makes a
 * block of time points contiguous in memory.
 */
export function createFourierConvolution(tf: TF): Convolution {
  return {
    timeAxis: 0,
    ofStrain: (strain, kernel, window) => {
      const [batch, times] = strain.shape;
      const filters = kernel.shape[2];
      return {
        windows: convolveStrain(tf, strain, kernel).reshape([(batch * times) / window, window, filters]),
        axis: 1,
        arrange: (pooled) => pooled.reshape<Tensor3D>([batch, times / window, filters]).transpose([1, 0, 2]),
      };
    },
    ofMap: (map, kernel, window) => {
      const [times, batch] = map.shape;
      const [length, , filters] = kernel.shape;
      const plan = planConvolution(times, length, window);
      return {
        windows: convolveMap(tf, map, kernel, plan).reshape([window, (batch * times) / window, filters]),
        axis: 0,
        arrange: (pooled) =>
          pooled
            .reshape<Tensor3D>([plan.hop / window, plan.blocks, batch * filters])
            .transpose([1, 0, 2])
            .reshape([times / window, batch, filters]),
      };
    },
  };
}

/** [T, B, in] with [length, in, out] -> [hop, blocks * B, out], the time points of a block in the plan's order. */
function convolveMap(tf: TF, map: Tensor3D, kernel: Tensor3D, plan: FourierPlan): Tensor3D {
  const [, batch, channels] = map.shape;
  const filters = kernel.shape[2];
  const convolve = tf.customGrad((...inputs) => {
    const [map, kernel, save] = inputs as unknown as [Tensor3D, Tensor3D, Save];
    const rows = map.reshape<Tensor2D>([-1, batch * channels]);
    const frames = gather(
      tf,
      tf.concat([rows, tf.zeros([1, batch * channels])], 0),
      tf.tensor1d(plan.frames, 'int32'),
    );
    const x = multiply(tf, plan.ofInput, frames).reshape<Tensor3D>([plan.points, -1, channels]);
    const w = multiply(tf, plan.ofKernel, cutKernel(kernel, plan)).reshape<Tensor3D>([
      plan.points,
      -1,
      filters,
    ]);
    save([x, w]);
    const products = sum(pairSegments(x, w, batch, plan).map(({ x, w }) => tf.matMul(x, w)));
    return {
      value: multiply(tf, plan.toOutput, products).reshape([plan.hop, -1, filters]),
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [x, w] = saved as [Tensor3D, Tensor3D];
        const products = multiply(tf, plan.toOutput, dy, true).reshape<Tensor3D>([plan.points, -1, filters]);
        const pairs = pairSegments(x, w, batch, plan);
        const blocks = pairs.map(({ w }, i) =>
          moveBlocks(tf.matMul(products, w, false, true), i, batch, plan),
        );
        const times = multiply(tf, plan.toInput, sum(blocks));
        const [first, second] = plan.places.map((places) =>
          gather(tf, times.reshape<Tensor2D>([-1, batch * channels]), tf.tensor1d(places, 'int32')),
        ) as [Tensor2D, Tensor2D];
        const ofSegments = pairs.map(({ x }) => tf.matMul<Tensor3D>(x, products, true));
        const taps = multiply(tf, plan.ofKernel, concat(tf, ofSegments, 1), true);
        return [first.add(second).reshape(map.shape), joinKernel(taps, kernel.shape, plan)];
      },
    };
  });
  return convolve(map, kernel) as Tensor3D;
}

function sum(tensors: readonly Tensor[]): Tensor {
  return tensors.reduce((sum, tensor) => sum.add(tensor));
}

function concat(tf: TF, tensors: Tensor3D[], axis: number): Tensor3D {
  return tensors.length === 1 ? tensors[0]! : tf.concat(tensors, axis);
}

/** [length, in, out] -> [taps, segments, in, out] */
function cutKernel(kernel: Tensor3D, { segments, taps }: FourierPlan): Tensor {
  if (segments === 1) return kernel;
  const [length, channels, filters] = kernel.shape;
  return kernel
    .pad([
      [0, segments * taps - length],
      [0, 0],
      [0, 0],
    ])
    .reshape([segments, taps, channels, filters])
    .transpose([1, 0, 2, 3]);
}

/** The inverse of cutKernel, which drops what is beyond the kernel's end. */
function joinKernel(cut: Tensor, shape: [number, number, number], { segments, taps }: FourierPlan): Tensor3D {
  if (segments === 1) return cut.reshape(shape);
  const [, channels, filters] = shape;
  return cut
    .reshape([taps, segments, channels, filters])
    .transpose([1, 0, 2, 3])
    .reshape<Tensor3D>([segments * taps, channels, filters])
    .slice([0, 0, 0], shape);
}

/** For each segment the blocks of x [points, blocks * B, C] that it meets, and its numbers [points, C, out]. */
function pairSegments(
  x: Tensor3D,
  w: Tensor3D,
  batch: number,
  { blocks, segments }: FourierPlan,
): { x: Tensor3D; w: Tensor3D }[] {
  if (segments === 1) return [{ x, w }];
  const channels = x.shape[2];
  return Array.from({ length: segments }, (_, i) => ({
    x: x.slice([0, i * batch, 0], [-1, blocks * batch, -1]),
    w: w.slice([0, i * channels, 0], [-1, channels, -1]),
  }));
}

/** Blocks of the output at the places of the blocks of x that segment i meets, and zeros elsewhere. */
function moveBlocks(blocks: Tensor, i: number, batch: number, { segments }: FourierPlan): Tensor {
  if (segments === 1) return blocks;
  return blocks.pad([
    [0, 0],
    [i * batch, (segments - 1 - i) * batch],
    [0, 0],
  ]);
}

/** The matrix, or its transpose, times x, which is reshaped to the number of rows that this needs. */
function multiply(tf: TF, { shape, data }: Matrix, x: Tensor, transposed = false): Tensor2D {
  return tf.matMul(
    tf.tensor2d(data, shape),
    x.reshape<Tensor2D>([shape[transposed ? 0 : 1], -1]),
    transposed,
  );
}

/** Consecutive time points whose gradients share a row in the matrix product below. */
const STRIDE = 16;

/**
 * [B, T] with [length, 1, out] -> [B, 1, T, out], differentiable with respect to the kernel.
 *
 * The gradient is a matrix product of two things per STRIDE time points: the strain that their outputs depend on, and
 * the gradients of these outputs. A tap's gradient is the sum of STRIDE elements on a diagonal of the product.
 */
function convolveStrain(tf: TF, strain: Tensor2D, kernel: Tensor3D): Tensor4D {
  const [batch, times] = strain.shape;
  const [length, , filters] = kernel.shape;
  const strides = 1 + Math.ceil((length - 1) / STRIDE);
  const diagonals = Int32Array.from({ length: STRIDE * length }, (_, i) => {
    const [t, tap] = [Math.floor(i / length), i % length];
    return (t + tap) * STRIDE + t;
  });
  const convolve = tf.customGrad((...inputs) => {
    const [kernel, save] = inputs as unknown as [Tensor3D, Save];
    save([strain]);
    return {
      value: tf.conv2d(
        strain.reshape<Tensor4D>([batch, 1, times, 1]),
        kernel.reshape<Tensor4D>([1, length, 1, filters]),
        1,
        'same',
      ),
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [strain] = saved as [Tensor2D];
        const left = Math.floor((length - 1) / 2);
        const padded = strain
          .pad([
            [0, 0],
            [left, (strides - 1) * STRIDE - left],
          ])
          .reshape<Tensor3D>([batch, -1, STRIDE]);
        const shifted = Array.from({ length: strides }, (_, i) =>
          padded.slice([0, i, 0], [-1, times / STRIDE, -1]),
        );
        const sums = tf.matMul(
          tf.concat(shifted, 2).reshape<Tensor2D>([-1, strides * STRIDE]),
          dy.reshape<Tensor2D>([-1, STRIDE * filters]),
          true,
        );
        return [
          gather(tf, sums.reshape<Tensor2D>([-1, filters]), tf.tensor1d(diagonals, 'int32'))
            .reshape([STRIDE, length, filters])
            .sum(0)
            .reshape(kernel.shape),
        ];
      },
    };
  });
  return convolve(kernel) as Tensor4D;
}
