import type { Tensor, Tensor1D, Tensor3D, Tensor5D } from '@tensorflow/tfjs-node-gpu';
import { SAMPLE_LENGTH } from '../core/strain.ts';
import { FILTERS, flatGain } from '../signal/matched-filter.ts';
import type { TF } from '../tensorflow/install/load.ts';
import type { Get, Network } from './logit-network.ts';
import { complexTransform, partsOf, realTransform, type Save, toComplex } from './operations.ts';

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
 * Powers [B, K, 3, times] of the outputs of K complex filters, at the times of FILTERS and `lag` more at either end, for signals
 * [B, 3, 4096]. Differentiable with respect to the filters, [2, K, 3, bins]: real and imaginary parts.
 */
export function filterPowers(tf: TF, signals: Tensor3D, bank: Tensor): Tensor {
  const { bins, firstBin, times } = FILTERS;
  const [before, after] = [times.first - times.lag, times.end + times.lag];
  const [xr, xi] = partsOf(tf, realTransform(tf, signals)).map((part) =>
    part.slice([0, 0, firstBin], [-1, -1, bins]).reshape([-1, 1, signals.shape[1], bins]),
  ) as [Tensor, Tensor];
  const filter = tf.customGrad((...inputs) => {
    const [bank, save] = inputs as unknown as [Tensor5D, Save];
    const [wr, wi] = tf.split(bank, 2) as [Tensor, Tensor];
    const products = toComplex(tf, xr.mul(wr).sub(xi.mul(wi)), xr.mul(wi).add(xi.mul(wr)));
    const [zr, zi] = partsOf(tf, complexTransform(tf, products, 'IFFT')).map((part) =>
      part.slice([0, 0, 0, before], [-1, -1, -1, after - before]),
    ) as [Tensor, Tensor];
    save([xr, xi, zr, zi]);
    return {
      value: zr.square().add(zi.square()),
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [xr, xi, zr, zi] = saved as [Tensor, Tensor, Tensor, Tensor];
        const around: [number, number][] = [
          [0, 0],
          [0, 0],
          [0, 0],
          [before, bins - after],
        ];
        const twice = dy.mul(2 / bins);
        const outputs = toComplex(tf, zr.mul(twice).pad(around), zi.mul(twice).pad(around));
        const [dr, di] = partsOf(tf, complexTransform(tf, outputs, 'FFT'));
        return [tf.stack([xr.mul(dr).add(xi.mul(di)).sum(0), xr.mul(di).sub(xi.mul(dr)).sum(0)])];
      },
    };
  });
  return filter(bank);
}
