import { SAMPLE_LENGTH } from '../core/strain.ts';
import { RECIPE } from './recipe.ts';
import { tukey } from './windows.ts';

/**
 * The weight, from 0 to 1, that the recipe's two tapers leave to each time point of a sample [4096]. Preprocessed noise has a
 * deviation in proportion to it, within 4 % from 0.1 to 1.92 s, where the weight is 0.05 and 0.02.
 */
export function sampleTaper(): Float64Array {
  const second = tukey(SAMPLE_LENGTH, RECIPE.normalization.taper);
  return tukey(SAMPLE_LENGTH, RECIPE.whitening.taper).map((weight, i) => weight * second[i]!);
}

/**
 * The least weight by which a time point is divided when the tapers are undone. It is reached 0.12 s from either end; beyond, the
 * tapers still take the sample to 0.
 */
const TAPER_FLOOR = 0.1;

/** The tapers, but no less than TAPER_FLOOR [4096]. */
export function flooredTaper(): Float32Array {
  return Float32Array.from(sampleTaper(), (weight) => Math.max(weight, TAPER_FLOOR));
}

/**
 * What undoes the tapers [4096]: 1 over flooredTaper. Multiply by it: for a division by constants, graph optimizers multiply too,
 * and round differently than an engine without them.
 */
export function inverseTaper(): Float32Array {
  return Float32Array.from(sampleTaper(), (weight) => 1 / Math.max(weight, TAPER_FLOOR));
}
