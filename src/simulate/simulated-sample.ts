import type { Source } from './source.ts';

/** The signal that was injected into a sample. */
export interface Injection {
  source: Source;
  /** Luminosity distance at which the source has its SNR [Mpc]. */
  distance: number;
  /** Optimal SNR in H1, L1, V1 (see SnrMeter). */
  snr: [number, number, number];
  /** Network SNR: the root of the sum of the squares. */
  networkSnr: number;
}

export interface SimulatedSample {
  /** 10 hexadecimal digits, unique within a seed. */
  id: string;
  /** 1 if the sample has a signal. */
  target: 0 | 1;
  /** Present when target is 1. */
  injection?: Injection;
}
