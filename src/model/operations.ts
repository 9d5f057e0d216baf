import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-node-gpu';
import type { NodeJSKernelBackend } from '@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend.js';
import { nodeBackend } from '../tensorflow/graph/bind.ts';
import type { TF } from '../tensorflow/install/load.ts';

/* Ops of TensorFlow that tfjs lacks, and ops that do in one pass over memory what takes tfjs several. */

type OpAttribute = Parameters<NodeJSKernelBackend['executeSingleOutput']>[1][number];

/** How the functions of tf.customGrad save tensors for their gradients. */
export type Save = (tensors: Tensor[]) => void;

/** Added to the variance before the square root. */
export const BATCH_NORM_EPSILON = 1e-5;

/** Statistics of each channel. */
export interface Statistics {
  mean: Tensor1D;
  /** Population variance: divided by n, not n - 1. */
  variance: Tensor1D;
}

/**
 * A channel's numbers are summed in this many interleaved sets. A single float32 sum of a million numbers is off by
 * 3e-5, which changes the gradient where inputs of a max-pool nearly tie.
 */
const SETS = 16;

/** Statistics over all axes but the last. */
export function batchStatistics(tf: TF, x: Tensor): Statistics {
  const channels = x.shape.at(-1)!;
  const sets = (x.size / channels) % (2 * SETS) === 0 ? SETS : 1;
  const columns = sets * channels;
  const rows = x.size / columns;
  return tf.tidy(() => {
    const [, means, variances] = nodeBackend(tf).executeMultipleOutputs(
      'FusedBatchNormV3',
      batchNormAttributes(tf, { training: true }),
      [
        x.reshape([1, rows, 1, columns]),
        tf.ones([columns]),
        tf.zeros([columns]),
        tf.tensor1d([]),
        tf.tensor1d([]),
      ],
      6,
    ) as [Tensor, Tensor, Tensor];
    const ofSets = means.reshape<Tensor2D>([sets, channels]);
    const mean = ofSets.mean<Tensor1D>(0);
    // The op divides by rows - 1.
    const within = variances.mul((rows - 1) / rows).reshape<Tensor2D>([sets, channels]);
    return { mean, variance: within.add(ofSets.sub(mean).square()).mean<Tensor1D>(0) };
  });
}

/** gamma * (x - mean) / sqrt(variance + epsilon) + beta in one pass. */
export function normalizeBy<T extends Tensor>(
  tf: TF,
  x: T,
  { mean, variance }: Statistics,
  gamma: Tensor1D,
  beta: Tensor1D,
): T {
  const [output] = nodeBackend(tf).executeMultipleOutputs(
    'FusedBatchNormV3',
    batchNormAttributes(tf, { training: false }),
    [asImage(x), gamma, beta, mean, variance],
    6,
  );
  return output!.reshape<T>(x.shape);
}

/** Gradients of normalizeBy with respect to x, gamma and beta, for statistics that don't depend on x. */
export function normalizeByGradients<T extends Tensor>(
  tf: TF,
  dy: T,
  x: T,
  { mean, variance }: Statistics,
  gamma: Tensor1D,
): [T, Tensor1D, Tensor1D] {
  const [dx, dGamma, dBeta] = nodeBackend(tf).executeMultipleOutputs(
    'FusedBatchNormGradV3',
    batchNormAttributes(tf, { training: false }),
    [asImage(dy), asImage(x), gamma, mean, variance, tf.tensor1d([])],
    5,
  ) as [Tensor, Tensor1D, Tensor1D, Tensor, Tensor];
  return [dx.reshape(x.shape), dGamma, dBeta];
}

/** Reshapes x to the four axes that TensorFlow's batch norm needs, channels last. */
function asImage(x: Tensor): Tensor {
  return x.reshape([1, -1, 1, x.shape.at(-1)!]);
}

function batchNormAttributes(tf: TF, { training }: { training: boolean }): OpAttribute[] {
  const { TF_ATTR_BOOL, TF_ATTR_FLOAT, TF_ATTR_STRING, TF_ATTR_TYPE, TF_FLOAT } = nodeBackend(tf).binding;
  return [
    { name: 'T', type: TF_ATTR_TYPE, value: TF_FLOAT },
    { name: 'U', type: TF_ATTR_TYPE, value: TF_FLOAT },
    { name: 'epsilon', type: TF_ATTR_FLOAT, value: BATCH_NORM_EPSILON },
    { name: 'data_format', type: TF_ATTR_STRING, value: 'NHWC' },
    { name: 'is_training', type: TF_ATTR_BOOL, value: training },
  ];
}

/** g * sigmoid(x) in one pass, by the gradient kernel of softplus. */
export function timesSigmoid<T extends Tensor>(tf: TF, g: T, x: T): T {
  const backend = nodeBackend(tf);
  const { TF_ATTR_TYPE, TF_FLOAT } = backend.binding;
  return backend.executeSingleOutput(
    'SoftplusGrad',
    [{ name: 'T', type: TF_ATTR_TYPE, value: TF_FLOAT }],
    [g, x],
  ) as T;
}

/** x * sigmoid(x), differentiable. */
export function silu<T extends Tensor>(tf: TF, x: T): T {
  const activate = tf.customGrad((...inputs) => {
    const [x, save] = inputs as unknown as [Tensor, Save];
    const y = timesSigmoid(tf, x, x);
    save([x, y]);
    return {
      value: y,
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [x, y] = saved as [Tensor, Tensor];
        // y' = s + x s (1 - s) = s (1 + x - y), where s = sigmoid(x).
        return timesSigmoid(tf, dy, x).mul(x.sub(y).add(1));
      },
    };
  });
  return activate(x) as T;
}

/** Uniform numbers in [0, 1) that depend only on the seed, int32 [2]. */
export function seededUniform(tf: TF, shape: number[], seed: Tensor1D): Tensor {
  return drawSeeded(tf, 'StatelessRandomUniform', shape, seed);
}

/** Standard normal numbers that depend only on the seed, int32 [2]. */
export function seededNormal(tf: TF, shape: number[], seed: Tensor1D): Tensor {
  return drawSeeded(tf, 'StatelessRandomNormal', shape, seed);
}

/** `count` numbers of the gamma distribution of shape alpha that depend only on the seed, int32 [2]. */
export function seededGamma(tf: TF, count: number, alpha: number, seed: Tensor1D): Tensor1D {
  return tf.tidy(
    () => drawSeeded(tf, 'StatelessRandomGammaV2', [count], seed, tf.fill([count], alpha)) as Tensor1D,
  );
}

function drawSeeded(tf: TF, op: string, shape: number[], seed: Tensor1D, ...more: Tensor[]): Tensor {
  const backend = nodeBackend(tf);
  const { TF_ATTR_TYPE, TF_FLOAT, TF_INT32 } = backend.binding;
  return tf.tidy(() =>
    backend.executeSingleOutput(
      op,
      [
        { name: 'dtype', type: TF_ATTR_TYPE, value: TF_FLOAT },
        { name: 'T', type: TF_ATTR_TYPE, value: TF_INT32 },
        { name: 'Tseed', type: TF_ATTR_TYPE, value: TF_INT32 },
      ],
      [tf.tensor1d(shape, 'int32'), seed, ...more],
    ),
  );
}

/**
 * Slices of x along an axis by index (int32). tfjs' own gather reads the indices, which aren't known while a graph is
 * recorded. The first `batchDims` axes of x and the indices are matched.
 */
export function gather<T extends Tensor>(tf: TF, x: T, indices: Tensor, axis = 0, batchDims = 0): T {
  const backend = nodeBackend(tf);
  const { TF_ATTR_INT, TF_ATTR_TYPE, TF_FLOAT, TF_INT32 } = backend.binding;
  return backend.executeSingleOutput(
    'GatherV2',
    [
      { name: 'batch_dims', type: TF_ATTR_INT, value: batchDims },
      { name: 'Tparams', type: TF_ATTR_TYPE, value: TF_FLOAT },
      { name: 'Tindices', type: TF_ATTR_TYPE, value: TF_INT32 },
      { name: 'Taxis', type: TF_ATTR_TYPE, value: TF_INT32 },
    ],
    [x, indices, tf.scalar(axis, 'int32')],
  ) as T;
}

/** The indices (int32) that sort each row of x in ascending order. Equal values keep their order. */
export function sortedOrder(tf: TF, x: Tensor2D): Tensor2D {
  const backend = nodeBackend(tf);
  const { TF_ATTR_BOOL, TF_ATTR_TYPE, TF_FLOAT } = backend.binding;
  // The op sorts in descending order, and equal values by their index.
  const [, order] = backend.executeMultipleOutputs(
    'TopKV2',
    [
      { name: 'sorted', type: TF_ATTR_BOOL, value: true },
      { name: 'T', type: TF_ATTR_TYPE, value: TF_FLOAT },
    ],
    [x.neg(), tf.scalar(x.shape[1], 'int32')],
    2,
  );
  return order as Tensor2D;
}

/** `a` where the condition is true, else `b`. Both may be broadcast, for which tfjs' own `where` makes copies. */
export function select<T extends Tensor>(tf: TF, condition: Tensor, a: T, b: T): T {
  const backend = nodeBackend(tf);
  const { TF_ATTR_TYPE, TF_FLOAT } = backend.binding;
  return backend.executeSingleOutput(
    'SelectV2',
    [{ name: 'T', type: TF_ATTR_TYPE, value: TF_FLOAT }],
    [condition, a, b],
  ) as T;
}

/** Discrete Fourier transforms of x, real, over its last axis, at the frequencies from 0 to half of the rate: complex64. */
export function realTransform(tf: TF, x: Tensor): Tensor {
  const length = tf.tensor1d([x.shape.at(-1)!], 'int32');
  return complexOp(tf, 'RFFT', { Treal: 'TF_FLOAT', Tcomplex: 'TF_COMPLEX64' }, [x, length]);
}

/** Inverse Fourier transforms of x, complex64, over its last axis, divided by the axis' length. */
export function inverseTransform(tf: TF, x: Tensor): Tensor {
  return complexOp(tf, 'IFFT', { Tcomplex: 'TF_COMPLEX64' }, [x]);
}

/** Product of complex64 tensors, which may be broadcast. */
export function multiplyComplex(tf: TF, a: Tensor, b: Tensor): Tensor {
  return complexOp(tf, 'Mul', { T: 'TF_COMPLEX64' }, [a, b]);
}

export function toComplex(tf: TF, real: Tensor, imaginary: Tensor): Tensor {
  return complexOp(tf, 'Complex', { T: 'TF_FLOAT', Tout: 'TF_COMPLEX64' }, [real, imaginary]);
}

/** The real and the imaginary part of x, complex64. */
export function partsOf(tf: TF, x: Tensor): [Tensor, Tensor] {
  const part = (op: 'Real' | 'Imag') => complexOp(tf, op, { T: 'TF_COMPLEX64', Tout: 'TF_FLOAT' }, [x]);
  return [part('Real'), part('Imag')];
}

function complexOp(
  tf: TF,
  op: string,
  types: Readonly<Record<string, 'TF_FLOAT' | 'TF_COMPLEX64'>>,
  inputs: Tensor[],
): Tensor {
  const backend = nodeBackend(tf);
  const attributes = Object.entries(types).map(([name, type]) => ({
    name,
    type: backend.binding.TF_ATTR_TYPE,
    value: backend.binding[type],
  }));
  return backend.executeSingleOutput(op, attributes, inputs);
}
