/**
 * Injection: training samples that are made in the step, from noise samples of the batch and noise-free signals, so that no two
 * steps see the same sample.
 */
import type { Tensor, Tensor1D, Tensor3D } from '@tensorflow/tfjs-node-gpu';
import { gather, seededNormal, seededUniform } from '../../model/operations.ts';
import { RECIPE } from '../../signal/recipe.ts';
import type { TF } from '../../tensorflow/install/load.ts';
import type { Settings } from '../settings.ts';
import { orderNoise, type Samples, takeDetectors } from './recombine.ts';

/** The distribution of the network SNR. */
export type Injection = Pick<Settings, 'snr' | 'snr_median' | 'snr_sigma' | 'snr_min' | 'snr_max'>;

/**
 * Makes as many samples as the batch has, half of them with a signal. Each takes H1, L1 and V1 from three noise samples of the
 * batch, whose samples with a signal aren't used. There must be a noise sample: without one, the first sample stands in for it.
 * `signals`, [B, 3, 4096], each have a network SNR of 1 in noise of deviation 1. `seedOf` returns a seed for each number from 0.
 *
 * Everything before the recipe's normalization is linear, and the normalization ignores scale and offset. So normalizing the sum of
 * the preprocessed noise and signal is the same as preprocessing the sum of their strains.
 */
export function inject(
  tf: TF,
  noise: Samples,
  signals: Tensor3D,
  seedOf: (purpose: number) => Tensor1D,
  settings: Injection,
): Samples {
  const size = signals.shape[0];
  const count = tf.sub(1, noise.labels).sum().maximum(1);
  const places = tf.range(0, size);
  const orders = orderNoise(tf, noise, seedOf(0));
  const sources = orders.map((order, detector) => {
    // Where a noise sample is used again, it meets others.
    const place = places.add(places.div(count).floor().mul(detector));
    return gather(tf, order, place.sub(place.div(count).floor().mul(count)).cast('int32'));
  });
  const labels = seededUniform(tf, [size], seedOf(1)).less(0.5).cast<Tensor1D>('float32');
  const amplitudes = labels.mul(drawSnr(tf, size, seedOf(2), settings)).reshape([size, 1, 1]);
  const sum = takeDetectors(tf, noise.signals, sources).add<Tensor3D>(signals.mul(amplitudes));
  return { signals: normalize(sum), labels };
}

function drawSnr(tf: TF, size: number, seed: Tensor1D, { snr, ...range }: Injection): Tensor {
  const { snr_median, snr_sigma, snr_min, snr_max } = range;
  if (snr === 'uniform')
    return seededUniform(tf, [size], seed)
      .mul(snr_max - snr_min)
      .add(snr_min);
  return seededNormal(tf, [size], seed).mul(snr_sigma).exp().mul(snr_median).clipByValue(snr_min, snr_max);
}

/** Mean 0 and deviation 1 per detector, as the recipe normalizes. */
function normalize(signals: Tensor3D): Tensor3D {
  const centred = signals.sub(signals.mean(2, true));
  const deviation = centred.square().mean(2, true).sqrt();
  return centred.div(deviation.maximum(RECIPE.normalization.minimumDeviation));
}
