import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-node-gpu';
import type { NodeJSKernelBackend } from '@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend.js';
import { nodeBackend } from '../tensorflow/bind.ts';
import type { TF } from '../tensorflow/load.ts';

/*
 * Functions of the model whose own gradients tfjs would make of some twenty elementwise ops.
 *
 * What an eager step costs is passes over memory (an activation of the first block is 34 MB a detector at batch 64),
 * so their gradients are written out here in as few ops as there are, some of them TensorFlow kernels that tfjs has no
 * function for.
 */

type OpAttribute = Parameters<NodeJSKernelBackend['executeSingleOutput']>[1][number];
/** What tf.customGrad's functions keep tensors for their gradient by. */
export type Save = (tensors: Tensor[]) => void;

/** Added to the variance before its root is taken. */
export const BATCH_NORM_EPSILON = 1e-5;

/** Of each channel. */
export interface Statistics {
  mean: Tensor1D;
  /** Of the population: divided by n, not n - 1. */
  variance: Tensor1D;
}

/** Interleaved sets that a channel's numbers are summed in: a float32 sum of a million numbers alone errs by 3e-5. */
const SETS = 16;

/** Over all axes but the last. */
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
    [x.reshape([1, -1, 1, x.shape.at(-1)!]), gamma, beta, mean, variance],
    6,
  );
  return output!.reshape<T>(x.shape);
}

export interface NormalizedBatch extends Statistics {
  output: Tensor4D;
}

/**
 * Batch norm over all axes but the last by the batch's own statistics; differentiable by x, gamma and beta.
 *
 * Each number is rounded as in the plain formula gamma * (x - mean) / sqrt(variance + epsilon) + beta, because the last
 * bit decides near ties in the max-pool that follows, and a tie decided otherwise moves the first kernels' gradients by
 * 1e-3. (FusedBatchNormV3 would take a third of the time, but its one float32 accumulator on the CPU errs by 4e-6.)
 */
export function normalizeBatch(tf: TF, x: Tensor4D, gamma: Tensor1D, beta: Tensor1D): NormalizedBatch {
  return tf.tidy(() => {
    const mean = x.mean<Tensor1D>([0, 1, 2]);
    const centred = x.sub<Tensor4D>(mean);
    const variance = centred.square().mean<Tensor1D>([0, 1, 2]);
    const deviation = variance.add<Tensor1D>(BATCH_NORM_EPSILON).sqrt();
    const normalize = tf.customGrad((...inputs) => {
      const [x, gamma, beta, save] = inputs as unknown as [Tensor4D, Tensor1D, Tensor1D, Save];
      save([x, gamma, mean, variance, deviation]);
      return {
        value: tf.mul(gamma, centred).div(deviation).add(beta),
        gradFunc: (dy: Tensor, saved: Tensor[]) =>
          batchNormGradients(tf, dy, ...(saved as [Tensor4D, Tensor1D, Tensor1D, Tensor1D, Tensor1D])),
      };
    });
    return { output: normalize(x, gamma, beta) as Tensor4D, mean, variance };
  });
}

/** Gradients of x, gamma and beta. */
function batchNormGradients(
  tf: TF,
  dy: Tensor,
  x: Tensor4D,
  gamma: Tensor1D,
  mean: Tensor1D,
  variance: Tensor1D,
  deviation: Tensor1D,
): Tensor[] {
  // As if the statistics didn't depend on x ...
  const [fixed, dGamma, dBeta] = nodeBackend(tf).executeMultipleOutputs(
    'FusedBatchNormGradV3',
    batchNormAttributes(tf, { training: false }),
    [dy, x, gamma, mean, variance, tf.tensor1d([])],
    5,
  ) as [Tensor4D, Tensor1D, Tensor1D, Tensor, Tensor];
  // ... less what goes through them: gamma / (deviation n) * (dBeta + normalized x * dGamma).
  // The deviation is the forward pass's own: a square root with one use alone would be turned into a reciprocal one when
  // TensorFlow optimizes the recorded graph, and x / deviation would be rounded otherwise.
  const scale = gamma.div(deviation).div<Tensor1D>(x.size / x.shape[3]);
  const through = tf.batchNorm4d(
    x,
    mean,
    variance,
    dBeta.mul(scale) as Tensor1D,
    dGamma.mul(scale) as Tensor1D,
    BATCH_NORM_EPSILON,
  );
  return [fixed.sub(through), dGamma, dBeta];
}

export function batchNormAttributes(tf: TF, { training }: { training: boolean }): OpAttribute[] {
  const { TF_ATTR_BOOL, TF_ATTR_FLOAT, TF_ATTR_STRING, TF_ATTR_TYPE, TF_FLOAT } = nodeBackend(tf).binding;
  return [
    { name: 'T', type: TF_ATTR_TYPE, value: TF_FLOAT },
    { name: 'U', type: TF_ATTR_TYPE, value: TF_FLOAT },
    { name: 'epsilon', type: TF_ATTR_FLOAT, value: BATCH_NORM_EPSILON },
    { name: 'data_format', type: TF_ATTR_STRING, value: 'NHWC' },
    { name: 'is_training', type: TF_ATTR_BOOL, value: training },
  ];
}

/** x * sigmoid(x). */
export function silu<T extends Tensor>(tf: TF, x: T): T {
  const activate = tf.customGrad((...inputs) => {
    const [x, save] = inputs as unknown as [Tensor, Save];
    const y = timesSigmoid(tf, x, x);
    save([x, y]);
    return {
      value: y,
      // y' = s + x s (1 - s) = s (1 + x - y), where s = sigmoid(x) and y = x s.
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [x, y] = saved as [Tensor, Tensor];
        return tf.tidy(() => timesSigmoid(tf, dy, x).mul(x.sub(y).add(1)));
      },
    };
  });
  return activate(x) as T;
}

/** g * sigmoid(x) in one pass, by the kernel of softplus' gradient. */
export function timesSigmoid(tf: TF, g: Tensor, x: Tensor): Tensor {
  const backend = nodeBackend(tf);
  const { TF_ATTR_TYPE, TF_FLOAT } = backend.binding;
  return backend.executeSingleOutput(
    'SoftplusGrad',
    [{ name: 'T', type: TF_ATTR_TYPE, value: TF_FLOAT }],
    [g, x],
  );
}

/** Uniform numbers from 0 up to 1 that depend on the seed, int32 [2], alone. */
export function seededUniform(tf: TF, shape: number[], seed: Tensor1D): Tensor {
  return drawSeeded(tf, 'StatelessRandomUniform', shape, seed);
}

/** Standard normal numbers that depend on the seed, int32 [2], alone. */
export function seededNormal(tf: TF, shape: number[], seed: Tensor1D): Tensor {
  return drawSeeded(tf, 'StatelessRandomNormal', shape, seed);
}

/** `count` numbers of the gamma distribution of shape alpha that depend on the seed, int32 [2], alone. */
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

/** Rows of a matrix by their indices, which tfjs' own gather would look at. */
export function gatherRows(tf: TF, x: Tensor2D, rows: Int32Array): Tensor2D {
  const backend = nodeBackend(tf);
  const { TF_ATTR_INT, TF_ATTR_TYPE, TF_FLOAT, TF_INT32 } = backend.binding;
  return backend.executeSingleOutput(
    'GatherV2',
    [
      { name: 'batch_dims', type: TF_ATTR_INT, value: 0 },
      { name: 'Tparams', type: TF_ATTR_TYPE, value: TF_FLOAT },
      { name: 'Tindices', type: TF_ATTR_TYPE, value: TF_INT32 },
      { name: 'Taxis', type: TF_ATTR_TYPE, value: TF_INT32 },
    ],
    [x, tf.tensor1d(rows, 'int32'), tf.scalar(0, 'int32')],
  ) as Tensor2D;
}

/** `a` where the condition is true, else `b`; each may be broadcast, which tfjs' own `where` makes copies for. */
export function select<T extends Tensor>(tf: TF, condition: Tensor, a: T, b: T): T {
  const backend = nodeBackend(tf);
  const { TF_ATTR_TYPE, TF_FLOAT } = backend.binding;
  return backend.executeSingleOutput(
    'SelectV2',
    [{ name: 'T', type: TF_ATTR_TYPE, value: TF_FLOAT }],
    [condition, a, b],
  ) as T;
}
