import { sha256 } from '../core/sha256.ts';
import { DETECTORS, SAMPLE_LENGTH, SAMPLE_RATE } from '../core/strain.ts';

/**
 * Every number of the signal path. Records of different recipes are never mixed: the hash goes into metadata.json,
 * and every step that adds records compares it first.
 *
 * Frequencies are in Hz, lengths in samples. A taper is the alpha of a Tukey window over the whole sample.
 */
export const RECIPE = {
  /** Incremented whenever the arithmetic changes in a way that the numbers below don't show. */
  version: 2,
  detectors: DETECTORS,
  sampleRate: SAMPLE_RATE,
  sampleLength: SAMPLE_LENGTH,
  /** Butterworth, forward and backward; odd extension by `padding` (3 (2 order + 1), as SciPy) at both ends, steady-state start. */
  bandpass: { order: 4, low: 20, high: 500, padding: 27 },
  /** Mean of |rfft(x * taper)|^2 / (rate * length), then a moving average over `smoothing` bins, then the floor. */
  psd: { taper: 0.5, smoothing: 5, floor: 1e-50 },
  /** irfft(rfft(x * taper) / sqrt(psd + epsilon)). */
  whitening: { taper: 0.5, epsilon: 1e-50 },
  /** (x * taper - mean) / max(population standard deviation, minimumDeviation), as float32. */
  normalization: { taper: 0.2, minimumDeviation: 1e-10 },
} as const;

/**
 * The recipe of signals without noise, for injection: that of samples up to the second taper, and then divided by the deviation
 * that noise has there, which is 1 after it (noiseDeviation). So it is linear.
 */
export const SIGNAL_RECIPE = {
  ...RECIPE,
  normalization: { taper: RECIPE.normalization.taper, unit: 'deviation of the noise' },
} as const;

/** Whether records with this recipe_hash hold signals without noise. */
export function isSignalRecipe(hash: string): boolean {
  return hash === recipeHash(SIGNAL_RECIPE);
}

/**
 * The SHA-256, in hex, of a recipe's canonical JSON (keys sorted, no white space): the recipe_hash of metadata.json. It never throws.
 *
 * @example
 * import { recipeHash } from 'chirpline';
 *
 * console.log('records made now have recipe', recipeHash());
 */
export function recipeHash(recipe: unknown = RECIPE): string {
  return sha256(canonicalJson(recipe)).toString('hex');
}

function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, entry: unknown) =>
    entry !== null && typeof entry === 'object' && !Array.isArray(entry)
      ? Object.fromEntries(Object.entries(entry).sort(([a], [b]) => (a < b ? -1 : 1)))
      : entry,
  );
}
