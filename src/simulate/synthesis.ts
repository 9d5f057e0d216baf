import FFT from 'fft.js';
import { SAMPLE_LENGTH, SAMPLE_RATE } from '../core/strain.ts';

/** Length of the segment that is synthesized, twice a sample's: the segment is periodic, the sample isn't. */
export const SEGMENT_LENGTH = 2 * SAMPLE_LENGTH;
/** Distance of two bins of the segment [Hz]; 0.25. */
export const SEGMENT_STEP = SAMPLE_RATE / SEGMENT_LENGTH;

/**
 * Synthesizes two real time series at once from their spectra: series a is the real part of one complex transform,
 * series b the imaginary part.
 */
export interface PairSynthesis {
  /**
   * Sets bin k (0 < k < SEGMENT_LENGTH / 2) of both series: the Fourier integral with exp(-2 pi i f t) at
   * k * SEGMENT_STEP Hz. Bins that were never set are zero.
   */
  set(bin: number, aReal: number, aImaginary: number, bReal: number, bImaginary: number): void;
  /**
   * Writes SAMPLE_LENGTH points of the segment, from `first` on, to `out`, shape (3, 4096): series a to row `rowA`
   * and series b to row `rowB`, if given.
   */
  run(out: Float64Array, first: number, rowA: number, rowB?: number): void;
}

export function createPairSynthesis(): PairSynthesis {
  const fft = new FFT(SEGMENT_LENGTH);
  const spectrum = new Float64Array(2 * SEGMENT_LENGTH);
  const series = new Float64Array(2 * SEGMENT_LENGTH);
  return {
    set(bin, aReal, aImaginary, bReal, bImaginary) {
      const positive = 2 * bin;
      const negative = 2 * (SEGMENT_LENGTH - bin);
      spectrum[positive] = (aReal - bImaginary) * SAMPLE_RATE;
      spectrum[positive + 1] = (aImaginary + bReal) * SAMPLE_RATE;
      spectrum[negative] = (aReal + bImaginary) * SAMPLE_RATE;
      spectrum[negative + 1] = (bReal - aImaginary) * SAMPLE_RATE;
    },
    run(out, first, rowA, rowB) {
      fft.inverseTransform(series, spectrum);
      for (let i = 0; i < SAMPLE_LENGTH; i++) out[rowA * SAMPLE_LENGTH + i] = series[2 * (first + i)]!;
      if (rowB === undefined) return;
      for (let i = 0; i < SAMPLE_LENGTH; i++) out[rowB * SAMPLE_LENGTH + i] = series[2 * (first + i) + 1]!;
    },
  };
}
