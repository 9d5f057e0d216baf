import type { Tensor, Tensor1D, Tensor2D, Tensor3D } from '@tensorflow/tfjs-node-gpu';
import type { TF } from '../tensorflow/install/load.ts';
import { throughStatistics } from './batch-norm.ts';
import type { Convolved } from './convolution.ts';
import {
  batchStatistics,
  normalizeBy,
  normalizeByGradients,
  type Save,
  type Statistics,
  select,
  timesSigmoid,
} from './operations.ts';
import { POOLING } from './presets.ts';

/*
 * Batch norm, SiLU and max-pool in one. SiLU falls up to -1.28 and rises from there, and batch norm is linear, so a
 * window's largest output comes from its largest or its smallest input, whatever the sign of gamma. Only these two
 * are normalized and activated, half of all numbers. The gradient reaches only one input of each window, apart from
 * the part that goes through the statistics. Inputs that tie share it.
 */

/** The largest SiLU(batch norm) of each window [windows, C], with given statistics. */
export function poolBy(
  tf: TF,
  convolved: Convolved,
  statistics: Statistics,
  gamma: Tensor1D,
  beta: Tensor1D,
): Tensor2D {
  return pool(tf, convolved, statistics, gamma, beta).y;
}

export interface PooledBatch extends Statistics {
  /** [windows, C] */
  output: Tensor2D;
}

/**
 * The same with the batch's own statistics, which are returned too. Differentiable with respect to the windows, gamma
 * and beta.
 */
export function poolBatch(tf: TF, convolved: Convolved, gamma: Tensor1D, beta: Tensor1D): PooledBatch {
  return tf.tidy(() => {
    const statistics = batchStatistics(tf, convolved.windows);
    const { mean, variance } = statistics;
    const normalizeAndPool = tf.customGrad((...inputs) => {
      const [windows, gamma, beta, save] = inputs as unknown as [Tensor3D, Tensor1D, Tensor1D, Save];
      const { y, selected, u } = pool(tf, { ...convolved, windows }, statistics, gamma, beta);
      save([windows, gamma, mean, variance, selected, u, y]);
      return {
        value: y,
        gradFunc: (dy: Tensor, saved: Tensor[]) => {
          const [windows, gamma, mean, variance, selected, u, y] = saved as [
            Tensor3D,
            Tensor1D,
            Tensor1D,
            Tensor1D,
            Tensor2D,
            Tensor2D,
            Tensor2D,
          ];
          // y' = s + u s (1 - s) = s (1 + u - y), where s = sigmoid(u) and y = u s.
          const du = timesSigmoid(tf, dy as Tensor2D, u).mul<Tensor2D>(u.sub(y).add(1));
          const [fixed, dGamma, dBeta] = normalizeByGradients(tf, du, selected, { mean, variance }, gamma);
          const n = windows.size / gamma.size;
          const through = throughStatistics(tf, { mean, variance }, gamma, [dGamma, dBeta], n);
          return [
            scatter(
              tf,
              { windows, axis: convolved.axis },
              selected,
              fixed,
              through(selected),
              through(windows),
            ),
            dGamma,
            dBeta,
          ];
        },
      };
    });
    return { output: normalizeAndPool(convolved.windows, gamma, beta) as Tensor2D, mean, variance };
  });
}

interface Pooled {
  y: Tensor2D;
  /** The input with the largest output of the window, and the same input normalized (u). */
  selected: Tensor2D;
  u: Tensor2D;
}

function pool(
  tf: TF,
  { windows, axis }: Convolved,
  statistics: Statistics,
  gamma: Tensor1D,
  beta: Tensor1D,
): Pooled {
  const [high, low] = [windows.max<Tensor2D>(axis), windows.min<Tensor2D>(axis)];
  const [ofHigh, ofLow] = [high, low].map((x) => {
    const u = normalizeBy(tf, x, statistics, gamma, beta);
    return { u, y: timesSigmoid(tf, u, u) };
  }) as [{ u: Tensor2D; y: Tensor2D }, { u: Tensor2D; y: Tensor2D }];
  const higher = ofHigh.y.greaterEqual(ofLow.y);
  return {
    y: tf.maximum(ofHigh.y, ofLow.y),
    selected: select(tf, higher, high, low),
    u: select(tf, higher, ofHigh.u, ofLow.u),
  };
}

/**
 * The gradient with respect to the windows: `everywhere`, except `atPeak` plus `peak` at the selected input. Inputs
 * that equal the selected one share `peak`.
 */
function scatter(
  tf: TF,
  { windows, axis }: Pick<Convolved, 'windows' | 'axis'>,
  selected: Tensor2D,
  peak: Tensor2D,
  atPeak: Tensor2D,
  everywhere: Tensor3D,
): Tensor {
  // One axis where possible: with two, TensorFlow's kernels take a quarter longer.
  const [each, one] =
    axis === 0
      ? [
          [POOLING, -1],
          [1, -1],
        ]
      : [windows.shape, [-1, 1, windows.shape[2]]];
  const here = tf.equal(windows.reshape(each), selected.reshape(one));
  const equals = here.cast('float32').sum(axis).reshape<Tensor2D>(selected.shape);
  return select(tf, here, peak.div(equals).add(atPeak).reshape(one), everywhere.reshape(each)).reshape(
    windows.shape,
  );
}
