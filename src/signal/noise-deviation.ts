import { SAMPLE_LENGTH, SAMPLE_RATE } from '../core/strain.ts';
import { designBandpass } from './butterworth.ts';
import { RECIPE } from './recipe.ts';
import { sampleTaper } from './sample-taper.ts';
import { tukey } from './windows.ts';

/**
 * The standard deviation of noise before the normalization, in any detector and for any PSD. The PSD is that of tapered noise, so
 * whitening makes its spectrum flat; the band-pass, forward and backward, shapes its power by |H|^4, and the tapers its power in
 * time by the products of their squares. Leakage of the tapers is neglected, less than 1 %.
 */
export function noiseDeviation(): number {
  const { order, low, high } = RECIPE.bandpass;
  const { gain, sections } = designBandpass(order, low, high, SAMPLE_RATE);
  let band = 0;
  for (let bin = 0; bin < SAMPLE_LENGTH; bin++) {
    const angle = (2 * Math.PI * bin) / SAMPLE_LENGTH;
    const power = (a: number, b: number) =>
      (1 + a * Math.cos(angle) + b * Math.cos(2 * angle)) ** 2 +
      (a * Math.sin(angle) + b * Math.sin(2 * angle)) ** 2;
    band += sections.reduce((h, { a1, a2 }) => (h * power(0, -1)) / power(a1, a2), gain ** 2) ** 2;
  }
  const left = sampleTaper().reduce((sum, w) => sum + w * w, 0);
  const of = tukey(SAMPLE_LENGTH, RECIPE.psd.taper).reduce((sum, w) => sum + w * w, 0);
  return Math.sqrt((((SAMPLE_RATE * band) / SAMPLE_LENGTH) * left) / of);
}
