import FFT from 'fft.js';
import { SAMPLE_LENGTH, SAMPLE_RATE } from '../core/strain.ts';

/** Time points of a row: 2 s in steps of 1.95 ms. */
export const Q_TIMES = 1024;

/**
 * For mergers of black holes within 2 s: of simulated signals with a network SNR around 12, 40 to 49 % have a louder peak in H1 or L1
 * than 95 % of noise samples for q from 5.7 to 11.3; 33 to 36 % for 16, 20 to 26 % for 22.6 (docs/science.md).
 */
const DEFAULT_Q = 8;

/** [s]. */
const DURATION = SAMPLE_LENGTH / SAMPLE_RATE;

/**
 * The constant-Q transform of one detector: how much energy each frequency has around each time. A row is the inverse transform of
 * the spectrum under a bisquare window, (1 - x^2)^2 with x = (f' - f) q / (sqrt(11) f), as wide as its centre f is high. Its
 * squared magnitude is the energy, divided by the row's median. S. Chatterji, "The search for gravitational wave bursts in data
 * from the second LIGO science run" (PhD thesis, MIT, 2005), chapter 5; QTile.transform of gwpy with norm='median'.
 *
 * @param points Whitened strain (4096), which is taken to be periodic.
 * @param frequencies Centres of the rows [Hz]: those whose windows lie between 0 and 1024 Hz and hold at most 1024 bins of 0.5 Hz,
 *   up to 617 Hz for the default q.
 * @param q Quality factor, at least sqrt(11): frequency over bandwidth. Low values resolve time, high ones frequency.
 * @returns Energies, shape (frequencies, 1024), dimensionless: 1 / ln 2 on average in white Gaussian noise. A row without energy
 *   is all 0.
 * @throws RangeError for another number of points, and for frequencies and q without a window.
 */
export function qTransform(
  points: Float64Array | Float32Array,
  frequencies: readonly number[],
  q = DEFAULT_Q,
): Float64Array {
  if (points.length !== SAMPLE_LENGTH)
    throw new RangeError(`strain of ${points.length} points, needed ${SAMPLE_LENGTH}`);
  const transform = new FFT(SAMPLE_LENGTH);
  const spectrum = transform.createComplexArray();
  transform.realTransform(spectrum, points);
  const inverse = new FFT(Q_TIMES);
  const energies = new Float64Array(frequencies.length * Q_TIMES);
  for (const [row, frequency] of frequencies.entries()) {
    const windowed = windowSpectrum(spectrum, frequency, q);
    const amplitudes = inverse.createComplexArray();
    inverse.inverseTransform(amplitudes, windowed);
    const own = energies.subarray(row * Q_TIMES, (row + 1) * Q_TIMES);
    for (const i of own.keys()) own[i] = amplitudes[2 * i]! ** 2 + amplitudes[2 * i + 1]! ** 2;
    const median = medianOf(own);
    for (const i of own.keys()) own[i] = median > 0 ? own[i]! / median : 0;
  }
  return energies;
}

/** The bins under the window around `frequency`, Q_TIMES complex numbers. A shift of all bins doesn't change the energies. */
function windowSpectrum(spectrum: readonly number[], frequency: number, q: number): number[] {
  const reach = (frequency * Math.sqrt(11)) / q;
  const first = Math.ceil((frequency - reach) * DURATION);
  const last = Math.floor((frequency + reach) * DURATION);
  if (!(reach > 0 && first >= 0 && last <= SAMPLE_LENGTH / 2 && last - first < Q_TIMES))
    throw new RangeError(`no window of Q ${q} around ${frequency} Hz`);
  const windowed = new Array<number>(2 * Q_TIMES).fill(0);
  for (let bin = first; bin <= last; bin++) {
    const weight = (1 - ((bin / DURATION - frequency) / reach) ** 2) ** 2;
    windowed[2 * (bin - first)] = spectrum[2 * bin]! * weight;
    windowed[2 * (bin - first) + 1] = spectrum[2 * bin + 1]! * weight;
  }
  return windowed;
}

function medianOf(values: Float64Array): number {
  const sorted = values.toSorted();
  const middle = sorted.length / 2;
  return (sorted[middle - 1]! + sorted[middle]!) / 2;
}
