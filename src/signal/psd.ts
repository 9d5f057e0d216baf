import { InputError } from '../core/errors.ts';
import {
  DETECTORS,
  type Psd,
  SAMPLE_LENGTH,
  SAMPLE_RATE,
  SPECTRUM_LENGTH,
  type Strain,
} from '../core/strain.ts';
import { requirePsd } from './check.ts';
import { chooseEngine } from './engines/choose-engine.ts';
import type { BlockPsdEstimator } from './engines/signal-engine.ts';
import { RECIPE } from './recipe.ts';

/**
 * The average power spectral density of noise-only samples, in three parts that run in different places: an estimator
 * sums over one chunk of samples, mergePsdSums adds the sums of all chunks, and averagePsd turns the total into a
 * PSD.
 *
 * Floating-point addition isn't associative, but the result is the same to the last bit for any number of workers: an
 * estimator adds its samples in the order given, the plan alone decides the chunks, and the merge adds in chunk
 * order.
 */
export interface PsdEstimator extends Pick<BlockPsdEstimator, 'sum' | 'count'> {
  /** Adds one sample (3, 4096), or rejects it and returns why. Allocates no buffer. */
  add(strain: Strain): string | undefined;
  /**
   * The engine's own arrays, one for each sample of a full block. Strain that is written there needn't be copied; see
   * BlockPreprocessor.inputs.
   */
  readonly inputs: BlockPsdEstimator['inputs'];
  /** Adds several samples at once, which is faster; see BlockPsdEstimator.add. */
  addBlock: BlockPsdEstimator['add'];
}

export function createPsdEstimator(engine = chooseEngine()): PsdEstimator {
  const estimator = engine.createPsdEstimator();
  return {
    inputs: estimator.inputs,
    add: (strain) => estimator.add([strain])[0],
    addBlock: (block) => estimator.add(block),
    get sum() {
      return estimator.sum;
    },
    get count() {
      return estimator.count;
    },
  };
}

/**
 * Adds partial sums (3, 2049) in the order given, which must be chunk order for a reproducible result.
 *
 * @throws InputError, naming the index of the sum, when a sum has the wrong length, or a value that is negative, NaN
 *   or Inf.
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
 * @returns (3, 2049), strain^2/Hz up to a constant factor; never 0.
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
