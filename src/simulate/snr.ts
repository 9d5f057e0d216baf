import FFT from 'fft.js';
import { DETECTORS, SAMPLE_LENGTH, SAMPLE_RATE } from '../core/strain.ts';
import { tukey } from '../signal/windows.ts';
import type { NoiseCurve } from './noise-curves.ts';

const LOWEST_FREQUENCY = 20;
const HIGHEST_FREQUENCY = 1000;
const TAPER = 0.1;

export interface SnrMeter {
  /**
   * Optimal signal-to-noise ratio of a noise-free signal, shape (3, 4096), in each detector, against the
   * noise curves: the square root of the sum of 4 |h(f)|^2 / S(f) df from 20 to 1000 Hz, after a Tukey window (0.1) over
   * the 2 s (B. Allen et al., Phys. Rev. D 85, 122006 (2012), eq. 2.5).
   */
  measure(signal: Float64Array): [number, number, number];
}

export function createSnrMeter(psd: NoiseCurve): SnrMeter {
  const fft = new FFT(SAMPLE_LENGTH);
  const window = tukey(SAMPLE_LENGTH, TAPER);
  const tapered = new Float64Array(SAMPLE_LENGTH);
  const spectrum = new Float64Array(2 * SAMPLE_LENGTH);
  const step = SAMPLE_RATE / SAMPLE_LENGTH;
  const [firstBin, endBin] = [LOWEST_FREQUENCY / step, HIGHEST_FREQUENCY / step];
  const weights = DETECTORS.map((detector) =>
    Float64Array.from({ length: endBin - firstBin }, (_, i) => {
      return (4 * step) / (psd(detector, (firstBin + i) * step) * SAMPLE_RATE ** 2);
    }),
  );
  const measureOne = (signal: Float64Array, detector: number): number => {
    const start = detector * SAMPLE_LENGTH;
    for (let i = 0; i < SAMPLE_LENGTH; i++) tapered[i] = signal[start + i]! * window[i]!;
    fft.realTransform(spectrum, tapered);
    const weight = weights[detector]!;
    let sum = 0;
    for (let i = 0; i < weight.length; i++) {
      const at = 2 * (firstBin + i);
      sum += weight[i]! * (spectrum[at]! ** 2 + spectrum[at + 1]! ** 2);
    }
    return Math.sqrt(sum);
  };
  return { measure: (signal) => [measureOne(signal, 0), measureOne(signal, 1), measureOne(signal, 2)] };
}
