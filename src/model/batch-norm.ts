import type { Tensor, Tensor1D } from '@tensorflow/tfjs-node-gpu';
import type { TF } from '../tensorflow/install/load.ts';
import {
  BATCH_NORM_EPSILON,
  batchStatistics,
  normalizeBy,
  normalizeByGradients,
  type Save,
  type Statistics,
} from './operations.ts';

/** Batch norm over all axes but the last by x's own statistics, which are returned too. Differentiable. */
export function normalizeBatch<T extends Tensor>(
  tf: TF,
  x: T,
  gamma: Tensor1D,
  beta: Tensor1D,
): Statistics & { output: T } {
  return tf.tidy(() => {
    const statistics = batchStatistics(tf, x);
    const { mean, variance } = statistics;
    const normalize = tf.customGrad((...inputs) => {
      const [x, gamma, beta, save] = inputs as unknown as [T, Tensor1D, Tensor1D, Save];
      save([x, gamma, mean, variance]);
      return {
        value: normalizeBy(tf, x, statistics, gamma, beta),
        gradFunc: (dy: Tensor, saved: Tensor[]) => {
          const [x, gamma, mean, variance] = saved as [T, Tensor1D, Tensor1D, Tensor1D];
          const [fixed, dGamma, dBeta] = normalizeByGradients(tf, dy as T, x, { mean, variance }, gamma);
          const n = x.size / gamma.size;
          const through = throughStatistics(tf, { mean, variance }, gamma, [dGamma, dBeta], n);
          return [fixed.add(through(x)), dGamma, dBeta];
        },
      };
    });
    return { output: normalize(x, gamma, beta) as T, mean, variance };
  });
}

/**
 * What the gradient with respect to an input has more if the statistics are those of the n inputs themselves, as a function of the
 * input: -gamma / (deviation n) * (dBeta + normalized input * dGamma).
 */
export function throughStatistics(
  tf: TF,
  statistics: Statistics,
  gamma: Tensor1D,
  [dGamma, dBeta]: readonly [Tensor1D, Tensor1D],
  n: number,
): <T extends Tensor>(x: T) => T {
  const scale = gamma.div(statistics.variance.add(BATCH_NORM_EPSILON).sqrt()).div(-n);
  const [slope, shift] = [dGamma.mul<Tensor1D>(scale), dBeta.mul<Tensor1D>(scale)];
  return (x) => normalizeBy(tf, x, statistics, slope, shift);
}
