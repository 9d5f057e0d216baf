import FFT from 'fft.js';
import { SAMPLE_LENGTH } from '../core/strain.ts';

/**
 * The real spectrum of one detector from a complex transform of half the length.
 *
 * The N = 4096 real points x are read as M = 2048 complex points z[n] = x[2n] + i x[2n+1]; both have the same memory
 * layout. With Z = FFT(z) and W = exp(-2 pi i / N), for k = 1 ... M/2:
 *
 *     E = (Z[k] + conj Z[M-k]) / 2      (spectrum of the even points)
 *     O = (Z[k] - conj Z[M-k]) / 2i     (of the odd points)
 *     X[k] = E + W^k O,   X[M-k] = conj(E - W^k O)
 *
 * and X[0] = Re Z[0] + Im Z[0], X[M] = Re Z[0] - Im Z[0] (Press et al., Numerical Recipes, 3rd ed., 12.3.2). Code
 * that needs the spectrum computes it from E and O in its own loop (engines/javascript.ts, whiten.ts), so that a
 * spectrum is never stored and read again.
 *
 * Packing two detectors or two samples into one complex transform would save time too. But a NaN would spread from
 * one to the other, and rounding would mix them.
 */
export const HALF_LENGTH = SAMPLE_LENGTH / 2;

/** W^k = cosine[k] - i sine[k] for k = 0 ... M/2. */
export const TWIDDLES = {
  cosine: Float64Array.from({ length: HALF_LENGTH / 2 + 1 }, (_, k) => Math.cos((Math.PI * k) / HALF_LENGTH)),
  sine: Float64Array.from({ length: HALF_LENGTH / 2 + 1 }, (_, k) => Math.sin((Math.PI * k) / HALF_LENGTH)),
};

/**
 * The unscaled forward transform of HALF_LENGTH complex points. Reads `points` and writes `spectrum`, two arrays of
 * SAMPLE_LENGTH numbers, real and imaginary parts interleaved. Allocates nothing.
 */
export type HalfTransform = (spectrum: Float64Array, points: Float64Array) => void;

export function createHalfTransform(): HalfTransform {
  const fft = new FFT(HALF_LENGTH);
  return (spectrum, points) => fft.transform(spectrum, points);
}
