/**
 * The symmetric Tukey (tapered cosine) window, as scipy.signal.windows.tukey(n, alpha).
 *
 * The first and last alpha * (n - 1) / 2 points are the halves of a Hann window, the points between are 1. alpha <= 0
 * gives all ones, alpha >= 1 a Hann window, n = 1 a single 1. Harris, Proceedings of the IEEE 66 (1978), 51-83, section V.F.
 */
export function tukey(n: number, alpha: number): Float64Array {
  const window = new Float64Array(n).fill(1);
  if (n < 2 || alpha <= 0) return window;
  const edge = (Math.min(alpha, 1) * (n - 1)) / 2;
  for (let i = 0; i <= edge && i < n / 2; i++) {
    const value = 0.5 * (1 - Math.cos((Math.PI * i) / edge));
    window[i] = value;
    window[n - 1 - i] = value;
  }
  return window;
}
