import { SAMPLE_LENGTH, SAMPLE_RATE } from '../core/strain.ts';
import { designBandpass } from './butterworth.ts';
import { RECIPE } from './recipe.ts';

/**
 * By which the recipe's band-pass, forward and backward, multiplies the power at each frequency of a sample's two-sided spectrum
 * [4096]: |H|^4. That of bin k is the frequency k / 2 Hz.
 */
export function bandpassPower(): Float64Array {
  const { order, low, high } = RECIPE.bandpass;
  const { gain, sections } = designBandpass(order, low, high, SAMPLE_RATE);
  return Float64Array.from({ length: SAMPLE_LENGTH }, (_, bin) => {
    const angle = (2 * Math.PI * bin) / SAMPLE_LENGTH;
    const power = (a: number, b: number) =>
      (1 + a * Math.cos(angle) + b * Math.cos(2 * angle)) ** 2 +
      (a * Math.sin(angle) + b * Math.sin(2 * angle)) ** 2;
    return sections.reduce((h, { a1, a2 }) => (h * power(0, -1)) / power(a1, a2), gain ** 2) ** 2;
  });
}
