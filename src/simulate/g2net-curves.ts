import type { Detector } from '../core/strain.ts';
import { interpolateCurve } from './curve.ts';

/**
 * Amplitude spectral density of the G2Net competition's noise: [Hz, H1 and L1, V1 in 1/sqrt(Hz)], read from the noise PSDs
 * that the competition's first place published (https://github.com/denisbsu/g2net-generation). A wall at 10 Hz, which is
 * ten times louder than design noise from 12 to 15 Hz, and lines at 60 and 306 Hz.
 */
const AMPLITUDES: readonly (readonly [frequency: number, ligo: number, virgo: number])[] = [
  [5, 1.25e-24, 2.85e-25],
  [7, 5.1e-24, 1.13e-24],
  [8, 1.54e-23, 3.31e-24],
  [9, 1.04e-22, 2.15e-23],
  [10, 5.41e-21, 1.06e-21],
  [10.5, 5.43e-21, 1.22e-21],
  [11, 3.8e-21, 1.03e-21],
  [11.5, 2.74e-21, 8.64e-22],
  [12, 2.16e-21, 7.31e-22],
  [13, 1.7e-21, 5.3e-22],
  [14, 2.38e-21, 3.95e-22],
  [15, 5.4e-22, 2.99e-22],
  [16, 3.02e-22, 2.32e-22],
  [17, 1.88e-22, 1.82e-22],
  [18, 1.09e-22, 1.45e-22],
  [19, 6.71e-23, 1.17e-22],
  [20, 4.59e-23, 9.6e-23],
  [21, 3.25e-23, 7.93e-23],
  [22, 2.46e-23, 6.64e-23],
  [23, 1.86e-23, 5.58e-23],
  [24, 1.55e-23, 4.74e-23],
  [25, 1.36e-23, 4.07e-23],
  [27, 1.17e-23, 3.08e-23],
  [30, 1.02e-23, 2.15e-23],
  [33, 8.39e-24, 1.62e-23],
  [35, 7.75e-24, 1.39e-23],
  [37, 7.56e-24, 1.22e-23],
  [37.5, 1.16e-23, 1.19e-23],
  [38, 1.24e-23, 1.16e-23],
  [38.5, 7.48e-24, 1.13e-23],
  [40, 6.62e-24, 1.06e-23],
  [45, 5.95e-24, 9.02e-24],
  [50, 5.48e-24, 8.17e-24],
  [55, 5.31e-24, 7.66e-24],
  [59, 5.37e-24, 7.35e-24],
  [59.5, 6.76e-24, 7.32e-24],
  [60, 9.67e-24, 7.3e-24],
  [60.5, 6.66e-24, 7.26e-24],
  [61, 5.02e-24, 7.22e-24],
  [70, 4.55e-24, 6.78e-24],
  [80, 4.3e-24, 6.42e-24],
  [100, 3.92e-24, 5.92e-24],
  [125, 3.64e-24, 5.51e-24],
  [150, 3.45e-24, 5.24e-24],
  [200, 3.21e-24, 4.92e-24],
  [250, 3.09e-24, 4.78e-24],
  [300, 3.04e-24, 4.76e-24],
  [305, 4.08e-24, 4.76e-24],
  [305.5, 8.83e-24, 4.75e-24],
  [306, 1.9e-23, 4.76e-24],
  [306.5, 1.96e-23, 4.76e-24],
  [307, 7.95e-24, 4.77e-24],
  [307.5, 3.17e-24, 4.76e-24],
  [350, 3.04e-24, 4.81e-24],
  [400, 3.06e-24, 4.91e-24],
  [437, 3.11e-24, 5.66e-24],
  [438, 3.12e-24, 1.02e-23],
  [439, 3.13e-24, 6.1e-24],
  [450, 3.13e-24, 5.05e-24],
  [500, 3.28e-24, 5.23e-24],
  [600, 3.44e-24, 5.65e-24],
  [700, 3.65e-24, 6.15e-24],
  [800, 3.94e-24, 6.69e-24],
  [900, 4.22e-24, 7.28e-24],
  [1000, 4.57e-24, 7.89e-24],
  [1023, 4.61e-24, 8.03e-24],
];

const LIGO = AMPLITUDES.map(([frequency, ligo]) => [frequency, ligo ** 2] as const);
const VIRGO = AMPLITUDES.map(([frequency, , virgo]) => [frequency, virgo ** 2] as const);

/**
 * Power spectral density of a detector's noise in the G2Net data [strain^2/Hz], one-sided, at the frequency [Hz]. Zero below
 * 5 Hz, constant above the last point, 1023 Hz.
 */
export function g2netPsd(detector: Detector, frequency: number): number {
  return interpolateCurve(detector === 'V1' ? VIRGO : LIGO, frequency);
}
