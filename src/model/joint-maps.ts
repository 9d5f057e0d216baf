import type { Tensor, Tensor1D, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-node-gpu';
import { DETECTORS, SAMPLE_LENGTH } from '../core/strain.ts';
import type { TF } from '../tensorflow/install/load.ts';
import { convolveBlocks } from './block-convolution.ts';
import { meanOfPowers, poolAlong } from './detector-maps.ts';
import type { Maps, Normalized } from './maps.ts';
import { areUnchanged } from './network-plan.ts';
import { BATCH_NORM_EPSILON, type Save, select } from './operations.ts';
import { POOLING } from './presets.ts';

/**
 * All paths with the same weights in one map [D, B, T, C], for GPUs: for three detectors a third of the kernel launches, each three
 * times as large, and one gradient per convolution kernel. To cuDNN the paths are images and the samples their rows. With one row
 * per image XLA would not recognize the gradient of a kernel, and would convolve the map with a kernel as long as the map.
 */
export function createJointMaps(tf: TF): Maps<Tensor4D> {
  return {
    split: (signals) => [
      signals
        .transpose<Tensor3D>([1, 0, 2])
        .reshape<Tensor4D>([DETECTORS.length, signals.shape[0], SAMPLE_LENGTH, 1]),
    ],
    arrange: (maps, paths) => {
      const [first] = maps as [Tensor];
      if (maps.length === 1 && areUnchanged(paths, first.shape[0]!)) return maps;
      const each = maps.flatMap((map) => (map.shape[0] === 1 ? [map] : tf.split(map, map.shape[0]!)));
      const join = (parts: Tensor[], axis: number) =>
        parts.length === 1 ? parts[0]! : tf.concat(parts, axis);
      const inputs = paths.map((from) => from.map((i) => each[i]!)).map((parts) => join(parts, 3));
      return [join(inputs, 0)];
    },
    convolve: (map, kernel) => convolveBlocks(tf, map as Tensor4D, kernel),
    poolBy: (convolved, { mean, variance }, gamma, beta) => {
      const [high, low] = activatePeaks(asWindows(convolved), {
        mean: mean.reshape([1, -1]),
        inverse: inverseDeviation(variance.reshape([1, -1])),
        gamma,
        beta,
      });
      return asMap(high.y.maximum(low.y), convolved.shape);
    },
    poolBatch: (convolved, gamma, beta) => poolJointBatch(tf, convolved, gamma, beta),
    toMap: (convolved) => convolved,
    normalizeBy: (map, { mean, variance }, gamma, beta) =>
      map.sub(mean).mul(inverseDeviation(variance)).mul(gamma).add(beta),
    normalizeBatch: (map, gamma, beta) => normalizeJointBatch(tf, map as Tensor4D, gamma, beta),
    poolPowers: (map, p, window) => poolAlong(tf, map, p, window, 2),
    average: (map, p, weights) => {
      const pooled = meanOfPowers(tf, map, p, 2, weights) as Tensor3D;
      return pooled.transpose<Tensor3D>([1, 0, 2]).reshape<Tensor2D>([pooled.shape[1], -1]);
    },
  };
}

/** [D, B, T, C] -> [D, B * T / POOLING, POOLING, C] */
function asWindows(x: Tensor4D): Tensor4D {
  const [detectors, batch, times, channels] = x.shape;
  return x.reshape([detectors, (batch * times) / POOLING, POOLING, channels]);
}

/** One value per window -> [D, B, T / POOLING, C]. `shape` is that of the map before pooling. */
function asMap(pooled: Tensor, [detectors, batch, times, channels]: readonly number[]): Tensor4D {
  return pooled.reshape([detectors!, batch!, times! / POOLING, channels!]);
}

/** Of each path [D, C]. */
function jointStatistics(x: Tensor4D): { mean: Tensor2D; variance: Tensor2D } {
  const [detectors, batch, times, channels] = x.shape;
  const flat = x.reshape<Tensor3D>([detectors, batch * times, channels]);
  const mean = flat.mean<Tensor2D>(1);
  return { mean, variance: flat.square().mean<Tensor2D>(1).sub(mean.square()).maximum<Tensor2D>(0) };
}

function inverseDeviation<T extends Tensor>(variance: T): T {
  return variance.add<T>(BATCH_NORM_EPSILON).rsqrt();
}

/** [D, C] or [1, C], to be broadcast over a map. */
function each(values: Tensor2D): Tensor4D {
  const [detectors, channels] = values.shape;
  return values.reshape([detectors, 1, 1, channels]);
}

/** An input of each window [D, windows, 1, C], normalized, scaled and activated. */
interface Peak {
  x: Tensor;
  normal: Tensor;
  u: Tensor;
  /** sigmoid(u) */
  s: Tensor;
  /** SiLU(u) */
  y: Tensor;
}

interface Norm {
  mean: Tensor2D;
  /** 1 / deviation */
  inverse: Tensor2D;
  gamma: Tensor1D;
  beta: Tensor1D;
}

/** The two inputs of each window of which one has its largest output (pooling.ts says why): the largest and the smallest. */
function activatePeaks(windows: Tensor4D, { mean, inverse, gamma, beta }: Norm): [Peak, Peak] {
  return [windows.max(2, true), windows.min(2, true)].map((x) => {
    const normal = x.sub(each(mean)).mul(each(inverse));
    const u = normal.mul(gamma).add(beta);
    const s = u.sigmoid();
    return { x, normal, u, s, y: u.mul(s) };
  }) as [Peak, Peak];
}

/**
 * Batch norm by the statistics of each detector, SiLU and max-pool over time, differentiable with respect to x, gamma and beta.
 * The gradient computes the activations again from x: a GPU is limited by memory traffic. Inputs that tie share the gradient;
 * in bfloat16 ties are common.
 */
function poolJointBatch(
  tf: TF,
  x: Tensor4D,
  gamma: Tensor1D,
  beta: Tensor1D,
): { output: Tensor4D; mean: Tensor2D; variance: Tensor2D } {
  const [detectors, batch, times, channels] = x.shape;
  const n = batch * times;
  return tf.tidy(() => {
    const { mean, variance } = jointStatistics(x);
    const pool = tf.customGrad((...inputs) => {
      const [x, gamma, beta, save] = inputs as unknown as [Tensor4D, Tensor1D, Tensor1D, Save];
      const [high, low] = activatePeaks(asWindows(x), {
        mean,
        inverse: inverseDeviation(variance),
        gamma,
        beta,
      });
      save([x, gamma, beta, mean, variance]);
      return {
        value: asMap(high.y.maximum(low.y), x.shape),
        gradFunc: (dy: Tensor, saved: Tensor[]) => {
          const [x, gamma, beta, mean, variance] = saved as [
            Tensor4D,
            Tensor1D,
            Tensor1D,
            Tensor2D,
            Tensor2D,
          ];
          const windows = asWindows(x);
          const inverse = inverseDeviation(variance);
          const [high, low] = activatePeaks(windows, { mean, inverse, gamma, beta });
          const higher = high.y.greaterEqual(low.y);
          // y' = s + u s (1 - s) = s (1 + u - y)
          const slope = ({ u, s, y }: Peak) => s.mul(u.sub(y).add(1));
          const du = dy
            .reshape([detectors, n / POOLING, 1, channels])
            .mul(select(tf, higher, slope(high), slope(low)));
          const dBetas = du.sum<Tensor2D>([1, 2]);
          const dGammas = du.mul(select(tf, higher, high.normal, low.normal)).sum<Tensor2D>([1, 2]);
          const here = tf.equal(windows, select(tf, higher, high.x, low.x));
          const shared = du.div(here.cast('float32').sum(2, true));
          const normal = windows.sub(each(mean)).mul(each(inverse));
          // The part of the gradient that goes through the statistics.
          const through = normal
            .mul(each(dGammas))
            .add(each(dBetas))
            .mul(1 / n);
          const dx = select(tf, here, shared, tf.zerosLike(shared))
            .sub(through)
            .mul(each(inverse.mul(gamma)));
          return [dx.reshape(x.shape), dGammas.sum(0), dBetas.sum(0)];
        },
      };
    });
    return { output: pool(x, gamma, beta) as Tensor4D, mean, variance };
  });
}

/** Batch norm by the statistics of each path, differentiable with respect to x, gamma and beta. */
function normalizeJointBatch(tf: TF, x: Tensor4D, gamma: Tensor1D, beta: Tensor1D): Normalized {
  const [, batch, times] = x.shape;
  return tf.tidy(() => {
    const { mean, variance } = jointStatistics(x);
    const standardize = (x: Tensor, mean: Tensor2D, inverse: Tensor2D) =>
      x.sub(each(mean)).mul(each(inverse));
    const normalize = tf.customGrad((...inputs) => {
      const [x, gamma, beta, save] = inputs as unknown as [Tensor4D, Tensor1D, Tensor1D, Save];
      save([x, gamma, mean, variance]);
      return {
        value: standardize(x, mean, inverseDeviation(variance)).mul(gamma).add(beta),
        gradFunc: (dy: Tensor, saved: Tensor[]) => {
          const [x, gamma, mean, variance] = saved as [Tensor4D, Tensor1D, Tensor2D, Tensor2D];
          const inverse = inverseDeviation(variance);
          const normal = standardize(x, mean, inverse);
          const dBetas = dy.sum<Tensor2D>([1, 2]);
          const dGammas = dy.mul(normal).sum<Tensor2D>([1, 2]);
          // The part of the gradient that goes through the statistics.
          const through = normal
            .mul(each(dGammas))
            .add(each(dBetas))
            .mul(1 / (batch * times));
          return [dy.sub(through).mul(each(inverse.mul(gamma))), dGammas.sum(0), dBetas.sum(0)];
        },
      };
    });
    return { output: normalize(x, gamma, beta), mean, variance };
  });
}
