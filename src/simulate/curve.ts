/** Points of a spectrum in ascending order, at least two. */
export type Curve = readonly (readonly [frequency: number, psd: number])[];

/**
 * The curve at a frequency [Hz], on straight lines between its points in logarithms. Zero below the first point and for NaN,
 * constant above the last one.
 */
export function interpolateCurve(curve: Curve, frequency: number): number {
  if (!(frequency >= curve[0]![0])) return 0;
  const right = curve.findIndex(([f]) => f > frequency);
  if (right === -1) return curve.at(-1)![1];
  const [[f0, p0], [f1, p1]] = [curve[right - 1]!, curve[right]!];
  return p0 * (p1 / p0) ** (Math.log(frequency / f0) / Math.log(f1 / f0));
}
