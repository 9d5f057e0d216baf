/** The constant-Q transform of a sample, ready to be drawn. */
import type { TimeFrequencyMap } from '../artifacts/charts/time-frequency-chart.ts';
import { DETECTORS, SAMPLE_LENGTH, SAMPLE_RATE } from '../core/strain.ts';
import { Q_TIMES, qTransform } from '../signal/q-transform.ts';
import { RECIPE } from '../signal/recipe.ts';
import { inverseTaper } from '../signal/sample-taper.ts';

const ROWS = 96;

/**
 * One map per detector of a preprocessed sample, shape (3, 4096), over the band of the recipe. The tapers of the preprocessing are
 * undone first (inverseTaper): mergers near the end of the sample would be too faint.
 */
export function timeFrequencyMaps(normalized: Float32Array): TimeFrequencyMap[] {
  const { low, high } = RECIPE.bandpass;
  const step = (high / low) ** (1 / ROWS);
  const frequencies = Array.from({ length: ROWS }, (_, row) => low * step ** (row + 0.5));
  const untapered = inverseTaper();
  return DETECTORS.map((_, detector) => {
    const points = normalized.slice(detector * SAMPLE_LENGTH, (detector + 1) * SAMPLE_LENGTH);
    const energies = qTransform(
      points.map((value, i) => value * untapered[i]!),
      frequencies,
    );
    return {
      duration: SAMPLE_LENGTH / SAMPLE_RATE,
      from: low,
      to: high,
      energies: frequencies.map((_, row) => energies.subarray(row * Q_TIMES, (row + 1) * Q_TIMES)),
    };
  });
}
