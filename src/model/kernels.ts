import type { Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs-node-gpu';
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
type Save = (tensors: Tensor[]) => void;

/** Added to the variance before its root is taken. */
export const BATCH_NORM_EPSILON = 1e-5;

export interface NormalizedBatch {
  output: Tensor4D;
  mean: Tensor1D;
  /** Of the population: divided by n, not n - 1. */
  variance: Tensor1D;
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
    batchNormAttributes(tf),
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

function batchNormAttributes(tf: TF): OpAttribute[] {
  const { TF_ATTR_BOOL, TF_ATTR_FLOAT, TF_ATTR_STRING, TF_ATTR_TYPE, TF_FLOAT } = nodeBackend(tf).binding;
  return [
    { name: 'T', type: TF_ATTR_TYPE, value: TF_FLOAT },
    { name: 'U', type: TF_ATTR_TYPE, value: TF_FLOAT },
    { name: 'epsilon', type: TF_ATTR_FLOAT, value: BATCH_NORM_EPSILON },
    { name: 'data_format', type: TF_ATTR_STRING, value: 'NHWC' },
    { name: 'is_training', type: TF_ATTR_BOOL, value: false },
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
function timesSigmoid(tf: TF, g: Tensor, x: Tensor): Tensor {
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
