import type { Tensor, Tensor1D, Tensor2D, Tensor3D } from '@tensorflow/tfjs-node-gpu';
import { DETECTORS, SAMPLE_LENGTH } from '../core/strain.ts';
import type { TF } from '../tensorflow/install/load.ts';
import type { Convolution, Convolved } from './convolution.ts';
import type { Maps } from './maps.ts';
import { poolBatch, poolBy } from './pooling.ts';

/**
 * One map per detector, computed one after another. A map is strain [B, T], or has time along the convolution's `timeAxis`,
 * the batch along the other one of the first two axes, and channels along the last.
 */
export function createDetectorMaps(tf: TF, convolution: Convolution): Maps<Convolved> {
  return {
    split: (signals) =>
      DETECTORS.map((_, detector) =>
        signals.slice([0, detector, 0], [-1, 1, -1]).reshape<Tensor2D>([-1, SAMPLE_LENGTH]),
      ),
    convolve: (map, kernel) =>
      map.rank === 2
        ? convolution.ofStrain(map as Tensor2D, kernel)
        : convolution.ofMap(map as Tensor3D, kernel),
    poolBy: (convolved, statistics, gamma, beta) =>
      convolved.arrange(poolBy(tf, convolved, statistics, gamma, beta)),
    poolBatch: (convolved, gamma, beta) => {
      const { output, ...statistics } = poolBatch(tf, convolved, gamma, beta);
      return { output: convolved.arrange(output), ...statistics };
    },
    merge: (maps) => tf.concat(maps, 2),
    average: (map, p, weights) => meanOfPowers(tf, map, p, convolution.timeAxis, weights) as Tensor2D,
  };
}

/** The p-th root of the mean of the p-th powers along an axis, whose points may have weights. */
export function meanOfPowers(tf: TF, map: Tensor, p: Tensor1D, axis: number, weights?: Tensor1D): Tensor {
  const powers = map.pow(p);
  const along = map.shape.map((_, i) => (i === axis ? -1 : 1));
  const weighted = weights === undefined ? powers : powers.mul(weights.reshape(along));
  return weighted.mean(axis).pow(tf.div(1, p));
}
