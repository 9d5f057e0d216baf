/** Data augmentation: random changes that turn samples into other plausible ones. */
import type { Tensor, Tensor1D, Tensor2D, Tensor3D } from '@tensorflow/tfjs-node-gpu';
import { SAMPLE_LENGTH, SAMPLE_RATE } from '../../core/strain.ts';
import { gather, seededGamma, seededNormal, seededUniform } from '../../model/operations.ts';
import { flooredTaper, inverseTaper } from '../../signal/sample-taper.ts';
import type { TF } from '../../tensorflow/install/load.ts';
import type { Settings } from '../settings.ts';
import { type Injection, inject } from './inject.ts';
import { recombineNoise, type Samples } from './recombine.ts';

export type Augmentation = Injection &
  Pick<
    Settings,
    'recombine' | 'time_shift' | 'sign_flip' | 'detector_swap' | 'time_mask' | 'noise' | 'mixup'
  >;

/** What random numbers are for: each purpose has seeds of its own. Injection has three, from `inject` on. */
const PURPOSES = {
  swap: 0,
  sign: 1,
  shift: 2,
  noise: 3,
  mixupA: 4,
  mixupB: 5,
  recombine: 6,
  inject: 7,
  mask: 10,
};
type Purpose = keyof typeof PURPOSES;

/** Samples to augment. */
interface Given extends Samples {
  /** [B, 3, 4096]: signals without noise, which replace those of the samples (inject.ts). */
  injected?: Tensor3D | undefined;
}

/** Augments the samples of a batch as the settings say. Equal seeds (int32 [2]) give equal changes. */
export function augment(tf: TF, samples: Given, seed: Tensor1D, settings: Augmentation): Samples {
  const { recombine, time_shift, sign_flip, detector_swap, time_mask, noise, mixup } = settings;
  const size = samples.signals.shape[0];
  // A negative first number keeps these seeds apart from dropout's, whose first number is 0 or more.
  const seedOf = (purpose: Purpose, part = 0): Tensor1D =>
    seed.mul(tf.tensor1d([-1, 1], 'int32')).sub(tf.tensor1d([1 + PURPOSES[purpose] + part, 0], 'int32'));
  const half = (purpose: Purpose) => seededUniform(tf, [size, 1, 1], seedOf(purpose)).less(0.5);

  const row = (values: Float32Array) => tf.tensor3d(values, [1, 1, SAMPLE_LENGTH]);

  let { signals, labels } = samples;
  if (samples.injected !== undefined)
    ({ signals, labels } = inject(tf, samples, samples.injected, (i) => seedOf('inject', i), settings));
  else if (recombine) signals = recombineNoise(tf, samples, seedOf('recombine'));
  // H1 and L1 see a source alike except for a sign and some milliseconds; V1 differs in noise and orientation.
  if (detector_swap) signals = tf.where(half('swap'), swapFirstTwo(tf, signals), signals);
  if (sign_flip) signals = signals.mul(half('sign').cast('float32').mul(2).sub(1));
  if (time_shift > 0) {
    const maxShift = Math.round((time_shift / 1000) * SAMPLE_RATE);
    const shifts = seededUniform(tf, [size, 1], seedOf('shift'))
      .mul(2 * maxShift + 1)
      .floor()
      .sub(maxShift);
    // The source moves, the tapers stay (but for their ends, where they are below the floor).
    const untapered = signals.mul<Tensor3D>(row(inverseTaper()));
    signals = shiftInTime(tf, untapered, shifts.cast('int32')).mul(row(flooredTaper()));
  }
  if (noise > 0) {
    const white = seededNormal(tf, signals.shape, seedOf('noise')).mul(noise);
    signals = signals.add(white.mul(row(flooredTaper())));
  }
  if (time_mask > 0) signals = maskTime(tf, signals, time_mask, seedOf('mask'));
  if (mixup > 0) {
    // Zhang et al., "mixup: Beyond Empirical Risk Minimization", 2018. A beta variate is a / (a + b) of two gamma variates.
    const [a, b] = (['mixupA', 'mixupB'] as const).map((purpose) =>
      seededGamma(tf, size, mixup, seedOf(purpose)),
    ) as [Tensor1D, Tensor1D];
    // Both gamma variates may underflow to 0 in float32.
    const share = a.add(1e-30).div(a.add(b).add(2e-30));
    const mix = <T extends Tensor>(x: T, by: Tensor): T => x.mul(by).add(tf.reverse(x, 0).mul(tf.sub(1, by)));
    signals = mix(signals, share.reshape([size, 1, 1]));
    labels = mix(labels, share);
  }
  return { signals, labels };
}

function swapFirstTwo(tf: TF, signals: Tensor3D): Tensor3D {
  const detector = (index: number) => signals.slice([0, index, 0], [-1, 1, -1]);
  return tf.concat([detector(1), detector(0), detector(2)], 1);
}

/** Sets one part of each sample to 0: of any length up to the share `most` of the sample, anywhere. */
function maskTime(tf: TF, signals: Tensor3D, most: number, seed: Tensor1D): Tensor3D {
  const size = signals.shape[0];
  const [length, place] = tf.unstack(seededUniform(tf, [2, size, 1, 1], seed)) as [Tensor3D, Tensor3D];
  const points = length.mul(most * SAMPLE_LENGTH);
  const start = place.mul(tf.sub(SAMPLE_LENGTH, points));
  const times = tf.range(0, SAMPLE_LENGTH).reshape([1, 1, SAMPLE_LENGTH]);
  const isMasked = times.greaterEqual(start).logicalAnd(times.less(start.add(points)));
  return signals.mul(tf.sub(1, isMasked.cast('float32')));
}

/**
 * Rotates each sample [3, 4096] in time by its own shift, int32 [B, 1]. A sample falls to 0 at both ends, so rotating it adds no
 * step.
 */
function shiftInTime(tf: TF, signals: Tensor3D, shifts: Tensor): Tensor3D {
  const times = tf.tensor2d([Array.from({ length: SAMPLE_LENGTH }, (_, t) => t)], undefined, 'int32');
  const sources = times.sub(shifts).mod<Tensor2D>(tf.scalar(SAMPLE_LENGTH, 'int32'));
  return gather(tf, signals, sources, 2, 1);
}
