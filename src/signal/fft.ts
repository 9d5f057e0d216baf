import FFT from 'fft.js';
import { SAMPLE_LENGTH } from '../core/strain.ts';

/**
 * Real spectra of one detector by complex transforms of half the length.
 *
 * The N = 4096 real points x are taken as M = 2048 complex ones, z[n] = x[2n] + i x[2n+1], which is what lies in
 * memory anyway. With Z = FFT(z) and W = exp(-2 pi i / N), for k = 1 ... M/2:
 *
 *     E = (Z[k] + conj Z[M-k]) / 2      (spectrum of the even points)
 *     O = (Z[k] - conj Z[M-k]) / 2i     (of the odd points)
 *     X[k] = E + W^k O,   X[M-k] = conj(E - W^k O)
 *
 * and X[0] = Re Z[0] + Im Z[0], X[M] = Re Z[0] - Im Z[0] (Press et al., Numerical Recipes, 3rd ed., 12.3.2). What
 * needs the spectrum does this in its own loop and works on E and O there (psd.ts, whiten.ts): a spectrum is never
 * stored and read again.
 */
export const HALF_LENGTH = SAMPLE_LENGTH / 2;

/** W^k = cosine[k] - i sine[k] for k = 0 ... M/2. */
export const TWIDDLES = {
  cosine: Float64Array.from({ length: HALF_LENGTH / 2 + 1 }, (_, k) => Math.cos((Math.PI * k) / HALF_LENGTH)),
  sine: Float64Array.from({ length: HALF_LENGTH / 2 + 1 }, (_, k) => Math.sin((Math.PI * k) / HALF_LENGTH)),
};

/**
 * The unscaled forward transform of HALF_LENGTH complex points (real and imaginary parts in turn): writes `spectrum`,
 * reads `points`; two arrays of length SAMPLE_LENGTH. Nothing is allocated.
 */
export type HalfTransform = (spectrum: Float64Array, points: Float64Array) => void;

export function createHalfTransform(): HalfTransform {
  const fft = new FFT(HALF_LENGTH);
  return (spectrum, points) => fft.transform(spectrum, points);
}
