import type { Tensor, Tensor1D, Tensor2D, Tensor3D } from '@tensorflow/tfjs-node-gpu';
import { DETECTORS, SAMPLE_LENGTH } from '../core/strain.ts';
import type { TF } from '../tensorflow/install/load.ts';
import { normalizeBatch } from './batch-norm.ts';
import type { Convolution, Convolved } from './convolution.ts';
import type { Maps } from './maps.ts';
import { normalizeBy } from './operations.ts';
import { poolBatch, poolBy } from './pooling.ts';
import { powerMean } from './power-mean.ts';
import { sizeOf } from './weights.ts';

/**
 * One map per path, computed one after another. A map is strain [B, T], or has time along the convolution's `timeAxis`, the batch
 * along the other one of the first two axes, and channels along the last.
 */
export function createDetectorMaps(tf: TF, convolution: Convolution): Maps<Convolved> {
  const { timeAxis } = convolution;
  return {
    split: (signals) =>
      DETECTORS.map((_, detector) =>
        signals.slice([0, detector, 0], [-1, 1, -1]).reshape<Tensor2D>([-1, SAMPLE_LENGTH]),
      ),
    arrange: (maps, paths) =>
      paths.map((from) => {
        const inputs = from.map((i) => maps[i]!);
        return inputs.length === 1 ? inputs[0]! : tf.concat(inputs, 2);
      }),
    convolve: (map, kernel, window) =>
      map.rank === 2
        ? convolution.ofStrain(map as Tensor2D, kernel, window)
        : convolution.ofMap(map as Tensor3D, kernel, window),
    poolBy: (convolved, statistics, gamma, beta) =>
      convolved.arrange(poolBy(tf, convolved, statistics, gamma, beta)),
    poolBatch: (convolved, gamma, beta) => {
      const { output, ...statistics } = poolBatch(tf, convolved, gamma, beta);
      return { output: convolved.arrange(output), ...statistics };
    },
    toMap: ({ windows, arrange }) => arrange(windows.reshape([-1, windows.shape[2]])),
    normalizeBy: (map, statistics, gamma, beta) => normalizeBy(tf, map, statistics, gamma, beta),
    normalizeBatch: (map, gamma, beta) => normalizeBatch(tf, map, gamma, beta),
    poolPowers: (map, p, window) => poolAlong(tf, map, p, window, timeAxis),
    average: (map, p, weights) => meanOfPowers(tf, map, p, timeAxis, weights) as Tensor2D,
  };
}

/** The p-th root of the mean of the p-th powers along an axis, whose points may have weights. */
export function meanOfPowers(tf: TF, map: Tensor, p: Tensor1D, axis: number, weights?: Tensor1D): Tensor {
  const powers = map.pow(p);
  const along = map.shape.map((_, i) => (i === axis ? -1 : 1));
  const weighted = weights === undefined ? powers : powers.mul(weights.reshape(along));
  return weighted.mean(axis).pow(tf.div(1, p));
}

/** powerMean of every `window` points along an axis of the map. */
export function poolAlong(tf: TF, map: Tensor, p: Tensor1D, window: number, axis: number): Tensor {
  const pooled = map.shape.map((length, i) => (i === axis ? length / window : length));
  const inner = sizeOf(map.shape.slice(axis + 1));
  return powerMean(tf, map.reshape([map.size / (window * inner), window, inner]), p).reshape(pooled);
}
