import { RECIPE } from './recipe.ts';

/**
 * Windows one detector in place, points *= taper, and writes (points - mean) / max(population standard deviation,
 * 1e-10) as float32 to out[from ...].
 *
 * @returns whether the output is finite. It is if the deviation is: no point is farther than sqrt(length) deviations
 *   from the mean.
 */
export function normalize(
  points: Float64Array,
  taper: Float64Array,
  out: Float32Array,
  from: number,
): boolean {
  const { length } = points;
  // Two sums, because each addition to a single sum would wait for the previous one.
  let sum = 0;
  let sumOdd = 0;
  for (let i = 0; i < length; i += 2) {
    const a = points[i]! * taper[i]!;
    const b = points[i + 1]! * taper[i + 1]!;
    points[i] = a;
    points[i + 1] = b;
    sum += a;
    sumOdd += b;
  }
  const mean = (sum + sumOdd) / length;
  sum = 0;
  sumOdd = 0;
  for (let i = 0; i < length; i += 2) {
    const a = points[i]! - mean;
    const b = points[i + 1]! - mean;
    sum += a * a;
    sumOdd += b * b;
  }
  const deviation = Math.sqrt((sum + sumOdd) / length);
  const factor = 1 / Math.max(deviation, RECIPE.normalization.minimumDeviation);
  for (let i = 0; i < length; i++) out[from + i] = (points[i]! - mean) * factor;
  return Number.isFinite(deviation);
}
