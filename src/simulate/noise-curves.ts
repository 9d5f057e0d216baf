import type { Detector } from '../core/strain.ts';
import { designPsd } from './design-curves.ts';
import { g2netPsd } from './g2net-curves.ts';
import type { SimulationSettings } from './simulation-settings.ts';

/** One-sided power spectral density of a detector's noise [strain^2/Hz] at a frequency [Hz]. */
export type NoiseCurve = (detector: Detector, frequency: number) => number;

export const NOISE_CURVES: Readonly<Record<SimulationSettings['like'], NoiseCurve>> = {
  design: designPsd,
  g2net: g2netPsd,
};
