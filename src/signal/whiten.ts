import { type Psd, SAMPLE_LENGTH, SPECTRUM_LENGTH } from '../core/strain.ts';
import { createHalfTransform, HALF_LENGTH, TWIDDLES } from './fft.ts';
import { RECIPE } from './recipe.ts';

/**
 * Whitens one detector (0, 1 or 2) of a sample: irfft(rfft(points) / sqrt(psd + epsilon)). Reads SAMPLE_LENGTH points
 * that are already tapered, and returns as many in a buffer that the next call overwrites.
 */
export type Whitener = (points: Float64Array, detector: number) => Float64Array;

/** @param psd (3, 2049), finite and not negative. */
export function createWhitener(psd: Psd): Whitener {
  const tables = Array.from({ length: psd.length / SPECTRUM_LENGTH }, (_, detector) =>
    tabulate(psd.subarray(detector * SPECTRUM_LENGTH, (detector + 1) * SPECTRUM_LENGTH)),
  );
  const transform = createHalfTransform();
  const spectrum = new Float64Array(SAMPLE_LENGTH);
  const result = new Float64Array(SAMPLE_LENGTH);
  return (points, detector) => {
    transform(spectrum, points);
    divideSpectrum(spectrum, tables[detector]!);
    transform(result, spectrum);
    return result;
  };
}

/** For k = 0 ... M/2, with q = 1 / sqrt(psd + epsilon), scaled for the transforms: see divideSpectrum. */
interface WhiteningTable {
  /** (q[k] + q[M-k]) / 4M */
  same: Float64Array;
  /** (q[k] - q[M-k]) / 4M, times cos and sin of 2 pi k / N. */
  crossCosine: Float64Array;
  crossSine: Float64Array;
}

function tabulate(psd: Psd): WhiteningTable {
  const length = HALF_LENGTH / 2 + 1;
  const table = {
    same: new Float64Array(length),
    crossCosine: new Float64Array(length),
    crossSine: new Float64Array(length),
  };
  for (let k = 0; k < length; k++) {
    const q = 1 / Math.sqrt(psd[k]! + RECIPE.whitening.epsilon);
    const mirrored = 1 / Math.sqrt(psd[HALF_LENGTH - k]! + RECIPE.whitening.epsilon);
    const cross = (q - mirrored) / (4 * HALF_LENGTH);
    table.same[k] = (q + mirrored) / (4 * HALF_LENGTH);
    table.crossCosine[k] = cross * TWIDDLES.cosine[k]!;
    table.crossSine[k] = cross * TWIDDLES.sine[k]!;
  }
  return table;
}

/**
 * Turns the half transform Z of a real signal (see fft.ts) into the half transform Z' of the whitened one, in place,
 * without computing the spectrum X. Because q is real, X[k] q[k] = (E + W^k O) q[k] and conj(X[M-k]) q[M-k] =
 * (E - W^k O) q[M-k] split again into an even and an odd part:
 *
 *     E' = s E + d W^k O,   O' = s O + d W^-k E,   s = (q[k] + q[M-k]) / 2,   d = (q[k] - q[M-k]) / 2
 *
 * and Z'[k] = E' + i O', Z'[M-k] = conj(E') + i conj(O'). The table holds s and d, divided by 2 for the halves in
 * E and O and by M for the inverse transform; both are powers of 2 and cost no accuracy.
 *
 * Z'[k] is written to the place of Z[M-k] and vice versa: in that order, the forward transform is the inverse one.
 */
function divideSpectrum(z: Float64Array, table: WhiteningTable): void {
  const { same, crossCosine, crossSine } = table;
  // At k = 0, E and O are the real and the imaginary part of Z[0], not twice that.
  const s0 = 2 * same[0]!;
  const d0 = 2 * crossCosine[0]!;
  const even = z[0]!;
  const odd = z[1]!;
  z[0] = s0 * even + d0 * odd;
  z[1] = s0 * odd + d0 * even;
  for (let k = 1, i = 2, j = z.length - 2; i <= j; k++, i += 2, j -= 2) {
    const er = z[i]! + z[j]!;
    const ei = z[i + 1]! - z[j + 1]!;
    const or = z[i + 1]! + z[j + 1]!;
    const oi = z[j]! - z[i]!;
    const s = same[k]!;
    const c = crossCosine[k]!;
    const n = crossSine[k]!;
    const fr = s * er + (c * or + n * oi);
    const fi = s * ei + (c * oi - n * or);
    const gr = s * or + (c * er - n * ei);
    const gi = s * oi + (c * ei + n * er);
    z[i] = fr + gi;
    z[i + 1] = gr - fi;
    z[j] = fr - gi;
    z[j + 1] = fi + gr;
  }
}
