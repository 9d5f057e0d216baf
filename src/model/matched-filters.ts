import type { Tensor, Tensor1D, Tensor3D } from '@tensorflow/tfjs-node-gpu';
import { SAMPLE_LENGTH } from '../core/strain.ts';
import { FILTERS, flatGain } from '../signal/matched-filter.ts';
import type { TF } from '../tensorflow/install/load.ts';
import type { Get, Network } from './logit-network.ts';
import { inverseTransform, multiplyComplex, partsOf, realTransform, toComplex } from './operations.ts';

/** Largest exponent of a detector's likelihood: exp of 88 is the largest float32 number. */
export const LARGEST = 60;

/**
 * Logits [B] of a search with matched filters. Each template is a filter of its own for each detector. Its output's power is the
 * exponent of a likelihood, which is averaged over the arrival times in the detectors, multiplied over the detectors, and averaged
 * over merger times and templates with learned weights: the marginal likelihood of a signal of unknown time and phase in Gaussian
 * noise (Finn, Phys. Rev. D 46, 5236 (1992)). A detection statistic that only takes the largest power finds fewer signals.
 *
 * @param get The weights by name, see weights.ts.
 */
export function createFilterNetwork(tf: TF, get: Get): Network {
  const logits = (signals: Tensor3D) => matchedLogits(tf, get, signals);
  return { logits, logitsForTraining: logits };
}

function matchedLogits(tf: TF, get: Get, signals: Tensor3D): Tensor1D {
  const { first, end, lag } = FILTERS.times;
  const powers = filterPowers(tf, signals.mul(tf.tensor3d(flatGain(), [1, 1, SAMPLE_LENGTH])), get('bank'));
  const scales = get('power_scale').exp().reshape([1, 1, -1, 1]);
  const likelihoods = powers.mul(scales).minimum(LARGEST).exp();
  const times = end - first;
  const shifted = Array.from({ length: 2 * lag + 1 }, (_, i) =>
    likelihoods.slice([0, 0, 0, i], [-1, -1, -1, times]),
  );
  const arrivals = shifted.reduce((sum, part) => sum.add(part)).div(shifted.length);
  const joint = arrivals.log().sum(2);
  const weighted = joint
    .add(get('merger_time').reshape([1, 1, -1]).sub(get('merger_time').logSumExp()))
    .add(get('template').reshape([1, -1, 1]).sub(get('template').logSumExp()));
  return weighted.logSumExp([1, 2]).mul(get('out_scale')).add<Tensor1D>(get('out_b'));
}

/**
 * Powers [B, K, 3, times] of the outputs of the complex filters [2, K, 3, bins], real and imaginary parts, for signals [B, 3, 4096]:
 * at the times of FILTERS, and `lag` more at either end. Not differentiable.
 */
export function filterPowers(tf: TF, signals: Tensor3D, bank: Tensor): Tensor {
  const { bins, firstBin, times } = FILTERS;
  const [batch, detectors] = signals.shape;
  const first = times.first - times.lag;
  const spectra = realTransform(tf, signals)
    .slice([0, 0, firstBin], [-1, -1, bins])
    .reshape([batch, 1, detectors, bins]);
  const [real, imaginary] = tf.split(bank, 2) as [Tensor, Tensor];
  const outputs = inverseTransform(tf, multiplyComplex(tf, spectra, toComplex(tf, real, imaginary)));
  const needed = outputs.slice([0, 0, 0, first], [-1, -1, -1, times.end + times.lag - first]);
  const [inPhase, quadrature] = partsOf(tf, needed);
  return inPhase.square().add(quadrature.square());
}
