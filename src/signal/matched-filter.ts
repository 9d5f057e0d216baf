import { SAMPLE_LENGTH, SAMPLE_RATE } from '../core/strain.ts';
import { bandpassPower } from './bandpass-power.ts';
import { inverseTaper, sampleTaper } from './sample-taper.ts';

/** Lowest and highest frequency of the filters [Hz]. A wider band finds no more signals (docs/science.md). */
const BAND = [25, 345] as const;
const STEP = SAMPLE_RATE / SAMPLE_LENGTH;
const DURATION = SAMPLE_LENGTH / SAMPLE_RATE;
/** A complex output needs the rate of the band's width: 320 Hz. */
const bins = (BAND[1] - BAND[0]) / STEP;
const RATE = bins / DURATION;

/** The filters' geometry. */
export const FILTERS = {
  templates: 128,
  /** Bins of the sample's spectrum, 0.5 Hz each, from `firstBin` on. As many time points has an output, at 320 Hz. */
  bins,
  firstBin: BAND[0] / STEP,
  times: {
    /** Merger times, in time points of the output: from 1.25 to 1.98 s. */
    first: Math.round(1.25 * RATE),
    end: Math.round(1.98 * RATE),
    /** By which a detector's arrival time may differ, either way: 12.5 ms. Only for few sources are two detectors over 25 ms apart. */
    lag: 4,
  },
};

/**
 * What a normalized sample is multiplied with [4096] so that the outputs of filters of unit power are noise of deviation 1 in the
 * real and in the imaginary part: the tapers are undone, and the power that the band-pass leaves is spread over all bins.
 */
export function flatGain(): Float32Array {
  const weights = sampleTaper();
  const left = weights.reduce((sum, weight) => sum + weight * weight, 0) / SAMPLE_LENGTH;
  const passed = bandpassPower().reduce((sum, power) => sum + power) / SAMPLE_LENGTH;
  const scale = Math.sqrt((2 * bins * left * passed) / SAMPLE_LENGTH);
  return inverseTaper().map((gain) => gain * scale);
}
