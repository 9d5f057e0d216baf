import { SAMPLE_LENGTH, SAMPLE_RATE } from '../core/strain.ts';
import { bandpassPower } from './bandpass-power.ts';
import { RECIPE } from './recipe.ts';
import { sampleTaper } from './sample-taper.ts';
import { tukey } from './windows.ts';

/**
 * The standard deviation of noise before the normalization, in any detector and for any PSD. The PSD is that of tapered noise, so
 * whitening makes its spectrum flat; the band-pass, forward and backward, shapes its power by |H|^4, and the tapers its power in
 * time by the products of their squares. Leakage of the tapers is neglected, less than 1 %.
 */
export function noiseDeviation(): number {
  const band = bandpassPower().reduce((sum, power) => sum + power);
  const left = sampleTaper().reduce((sum, w) => sum + w * w, 0);
  const of = tukey(SAMPLE_LENGTH, RECIPE.psd.taper).reduce((sum, w) => sum + w * w, 0);
  return Math.sqrt((((SAMPLE_RATE * band) / SAMPLE_LENGTH) * left) / of);
}
