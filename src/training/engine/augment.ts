/** Data augmentation: random changes that turn samples into other plausible ones. */
import type { Tensor, Tensor1D, Tensor2D, Tensor3D } from '@tensorflow/tfjs-node-gpu';
import { SAMPLE_LENGTH, SAMPLE_RATE } from '../../core/strain.ts';
import { gather, seededGamma, seededNormal, seededUniform, sortedOrder } from '../../model/operations.ts';
import type { TF } from '../../tensorflow/install/load.ts';
import type { Settings } from '../settings.ts';

export type Augmentation = Pick<
  Settings,
  'recombine' | 'time_shift' | 'sign_flip' | 'detector_swap' | 'noise' | 'mixup'
>;

interface Samples {
  /** [B, 3, 4096] */
  signals: Tensor3D;
  /** [B]; between 0 and 1 after mixup. */
  labels: Tensor1D;
}

/** Augments the samples of a batch as the settings say. Equal seeds (int32 [2]) give equal changes. */
export function augment(tf: TF, samples: Samples, seed: Tensor1D, settings: Augmentation): Samples {
  const { recombine, time_shift, sign_flip, detector_swap, noise, mixup } = settings;
  const size = samples.signals.shape[0];
  // A negative first number keeps these seeds apart from dropout's, whose first number is 0 or more.
  const seedOf = (purpose: number): Tensor1D =>
    seed.mul(tf.tensor1d([-1, 1], 'int32')).sub(tf.tensor1d([1 + purpose, 0], 'int32'));
  const half = (purpose: number) => seededUniform(tf, [size, 1, 1], seedOf(purpose)).less(0.5);

  let { signals, labels } = samples;
  if (recombine) signals = recombineNoise(tf, samples, seedOf(6));
  // H1 and L1 see a source alike except for a sign and some milliseconds; V1 differs in noise and orientation.
  if (detector_swap) signals = tf.where(half(0), swapFirstTwo(tf, signals), signals);
  if (sign_flip) signals = signals.mul(half(1).cast('float32').mul(2).sub(1));
  if (time_shift > 0) {
    const maxShift = Math.round((time_shift / 1000) * SAMPLE_RATE);
    const shifts = seededUniform(tf, [size, 1], seedOf(2))
      .mul(2 * maxShift + 1)
      .floor()
      .sub(maxShift);
    signals = shiftInTime(tf, signals, shifts.cast('int32'));
  }
  if (noise > 0) signals = signals.add(seededNormal(tf, signals.shape, seedOf(3)).mul(noise));
  if (mixup > 0) {
    // Zhang et al., "mixup: Beyond Empirical Risk Minimization", 2018. A beta variate is a / (a + b) of two gamma variates.
    const [a, b] = [4, 5].map((purpose) => seededGamma(tf, size, mixup, seedOf(purpose))) as [
      Tensor1D,
      Tensor1D,
    ];
    // Both gamma variates may underflow to 0 in float32.
    const share = a.add(1e-30).div(a.add(b).add(2e-30));
    const mix = <T extends Tensor>(x: T, by: Tensor): T => x.mul(by).add(tf.reverse(x, 0).mul(tf.sub(1, by)));
    signals = mix(signals, share.reshape([size, 1, 1]));
    labels = mix(labels, share);
  }
  return { signals, labels };
}

/**
 * Makes new noise samples: each takes H1, L1 and V1 from three noise samples of the batch, since the noise of one detector doesn't
 * depend on that of another. Samples with a signal stay as they are.
 */
function recombineNoise(tf: TF, { signals, labels }: Samples, seed: Tensor1D): Tensor3D {
  const [size, detectors] = signals.shape;
  // Each row: the noise samples in a random order, then the samples with a signal.
  const drawn = seededUniform(tf, [detectors, size], seed).add<Tensor2D>(labels.mul(2));
  const orders = sortedOrder(tf, drawn).cast('float32');
  const isNoise = tf.sub(1, labels);
  const rank = tf.cumsum(isNoise).sub(1).maximum(0).cast('int32');
  const own = tf.range(0, size).mul(labels);
  const recombined = tf.unstack(orders).map((order, detector) => {
    const source = gather(tf, order, rank).mul(isNoise).add(own).cast('int32');
    return gather(tf, signals.slice([0, detector, 0], [-1, 1, -1]), source);
  });
  return tf.concat(recombined, 1);
}

function swapFirstTwo(tf: TF, signals: Tensor3D): Tensor3D {
  const detector = (index: number) => signals.slice([0, index, 0], [-1, 1, -1]);
  return tf.concat([detector(1), detector(0), detector(2)], 1);
}

/**
 * Rotates each sample [3, 4096] in time by its own shift, int32 [B, 1]. A preprocessed sample is 0 at both ends, so
 * rotating it adds no step.
 */
function shiftInTime(tf: TF, signals: Tensor3D, shifts: Tensor): Tensor3D {
  const times = tf.tensor2d([Array.from({ length: SAMPLE_LENGTH }, (_, t) => t)], undefined, 'int32');
  const sources = times.sub(shifts).mod<Tensor2D>(tf.scalar(SAMPLE_LENGTH, 'int32'));
  return gather(tf, signals, sources, 2, 1);
}
