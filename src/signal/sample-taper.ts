import { SAMPLE_LENGTH } from '../core/strain.ts';
import { RECIPE } from './recipe.ts';
import { tukey } from './windows.ts';

/**
 * The weight, from 0 to 1, that the recipe's two tapers leave to each time point of a sample [4096]. Preprocessed noise has a
 * deviation in proportion to it: within 4 % from 0.05 s to 1.93 s, where it is 0.016.
 */
export function sampleTaper(): Float64Array {
  const second = tukey(SAMPLE_LENGTH, RECIPE.normalization.taper);
  return tukey(SAMPLE_LENGTH, RECIPE.whitening.taper).map((weight, i) => weight * second[i]!);
}

/**
 * The least weight by which a time point is divided when the tapers are undone. It is reached 0.11 s from either end; beyond, the
 * tapers still take the sample to 0.
 */
export const TAPER_FLOOR = 0.1;
