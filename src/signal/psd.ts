import { InputError } from '../errors.ts';
import { DETECTORS, type Psd, SAMPLE_LENGTH, SAMPLE_RATE, SPECTRUM_LENGTH, type Strain } from '../strain.ts';
import { deadDetector, requirePsd, strainFault } from './check.ts';
import { createHalfTransform, HALF_LENGTH, TWIDDLES } from './fft.ts';
import { RECIPE } from './recipe.ts';
import { tukey } from './windows.ts';

/**
 * The average power spectral density of noise-only samples, in three parts that run in different places: an
 * estimator sums over one chunk of samples, mergePsdSums adds the chunks' sums, averagePsd makes the PSD of the total.
 *
 * The result is the same to the last bit whatever the number of workers: an estimator adds its samples in the order
 * in which they come, the chunks are cut by the plan and not by who is free, and the merge adds in chunk order.
 */
export interface PsdEstimator {
  /**
   * Adds |rfft(strain * taper)|^2 of one sample (3, 4096), or leaves the sample out and returns why: strainFault's
   * reason, or that its power isn't finite. Allocates nothing.
   */
  add(strain: Strain): string | undefined;
  /** What was added: (3, 2049), unscaled. The estimator's own array: the next add changes it. */
  readonly sum: Psd;
  /** Samples added. */
  readonly count: number;
}

export function createPsdEstimator(): PsdEstimator {
  const taper = tukey(SAMPLE_LENGTH, RECIPE.psd.taper);
  const transform = createHalfTransform();
  const tapered = new Float64Array(SAMPLE_LENGTH);
  const spectrum = new Float64Array(SAMPLE_LENGTH);
  const power = new Float64Array(DETECTORS.length * SPECTRUM_LENGTH);
  const sum = new Float64Array(power.length);
  let count = 0;
  return {
    add(strain) {
      const dead = deadDetector(strain);
      if (dead !== undefined) return dead;
      for (let detector = 0; detector < DETECTORS.length; detector++) {
        const from = detector * SAMPLE_LENGTH;
        for (let i = 0; i < tapered.length; i++) tapered[i] = strain[from + i]! * taper[i]!;
        transform(spectrum, tapered);
        // A NaN or Inf anywhere in the strain makes the whole spectrum NaN, so it needn't be looked for before.
        if (!computePower(spectrum, power, detector * SPECTRUM_LENGTH)) {
          return strainFault(strain) ?? `${DETECTORS[detector]} overflows in the PSD estimate`;
        }
      }
      for (let i = 0; i < sum.length; i++) sum[i]! += power[i]!;
      count++;
      return undefined;
    },
    sum,
    get count() {
      return count;
    },
  };
}

/**
 * Writes |X|^2 of the spectrum X behind a half transform (see fft.ts) to power[from ... from + 2048].
 *
 * @returns whether all that was written, and its sum, is finite.
 */
function computePower(half: Float64Array, power: Psd, from: number): boolean {
  const { cosine, sine } = TWIDDLES;
  const zero = half[0]! + half[1]!;
  const nyquist = half[0]! - half[1]!;
  power[from] = zero * zero;
  power[from + HALF_LENGTH] = nyquist * nyquist;
  let total = power[from]! + power[from + HALF_LENGTH]!;
  for (let k = 1, i = 2, j = half.length - 2; i <= j; k++, i += 2, j -= 2) {
    const er = (half[i]! + half[j]!) / 2;
    const ei = (half[i + 1]! - half[j + 1]!) / 2;
    const or = (half[i + 1]! + half[j + 1]!) / 2;
    const oi = (half[j]! - half[i]!) / 2;
    const tr = cosine[k]! * or + sine[k]! * oi;
    const ti = cosine[k]! * oi - sine[k]! * or;
    const lower = (er + tr) * (er + tr) + (ei + ti) * (ei + ti);
    const upper = (er - tr) * (er - tr) + (ei - ti) * (ei - ti);
    // In the middle, where i = j, the two are the same bin and equal.
    power[from + k] = lower;
    power[from + HALF_LENGTH - k] = upper;
    total += lower + upper;
  }
  return Number.isFinite(total);
}

/**
 * Adds partial sums (3, 2049) in the order in which they come: the chunks' order, for a result that repeats.
 *
 * @throws InputError, naming the place in the order, when one has another length or a value that is negative, NaN or
 *   Inf.
 */
export function mergePsdSums(sums: Iterable<Psd>): Psd {
  const total = new Float64Array(DETECTORS.length * SPECTRUM_LENGTH);
  let chunk = 0;
  for (const sum of sums) {
    requirePsd(sum, `PSD sum ${chunk++}`);
    for (let i = 0; i < total.length; i++) total[i]! += sum[i]!;
  }
  return total;
}

/**
 * The PSD of `count` samples from their sum: mean / (rate * length), smoothed over 5 bins as numpy.convolve(x,
 * ones(5) / 5, 'same') does (zeros outside), floored.
 *
 * @returns (3, 2049), strain^2 times a constant; never 0.
 * @throws InputError when no sample was added.
 */
export function averagePsd(sum: Psd, count: number): Psd {
  if (count < 1) {
    throw new InputError({
      object: 'the PSD estimate',
      found: 'no noise-only sample',
      needed: 'at least one readable sample of target 0',
    });
  }
  const { smoothing, floor } = RECIPE.psd;
  const reach = (smoothing - 1) / 2;
  const psd = new Float64Array(sum.length);
  for (let detector = 0; detector < DETECTORS.length; detector++) {
    const from = detector * SPECTRUM_LENGTH;
    const mean = sum
      .subarray(from, from + SPECTRUM_LENGTH)
      .map((power) => power / count / (SAMPLE_RATE * SAMPLE_LENGTH));
    for (let k = 0; k < SPECTRUM_LENGTH; k++) {
      let total = 0;
      for (const power of mean.subarray(Math.max(0, k - reach), k + reach + 1)) total += power;
      psd[from + k] = Math.max(total / smoothing, floor);
    }
  }
  return psd;
}
