/**
 * A digital Butterworth band-pass of even order as second-order sections. The transfer function is
 *
 *     H(z) = gain * product over sections of (1 - z^-2) / (1 + a1 z^-1 + a2 z^-2)
 *
 * A band-pass of order n has n zeros at z = 1 and n at z = -1, so each section gets one of each, and its
 * numerator needs no multiplication.
 */
export interface SectionCascade {
  gain: number;
  /**
   * Ordered by the distance of their poles from the unit circle, farthest first: the sharp sections come last and
   * have less to amplify.
   */
  sections: { a1: number; a2: number }[];
}

/**
 * Designs the filter of scipy.signal.butter(order, [low, high], 'band', fs=rate): analogue prototype,
 * low-pass to band-pass, bilinear transform with prewarped edges (Oppenheim & Schafer, Discrete-Time Signal
 * Processing, 3rd ed., 7.2 and 7.3).
 *
 * @param order of the low-pass prototype, even: the band-pass has twice as many poles.
 * @param low, high the -3 dB edges in Hz, 0 < low < high < rate / 2.
 */
export function designBandpass(order: number, low: number, high: number, rate: number): SectionCascade {
  // The edges, prewarped for the bilinear transform s = (z - 1) / (z + 1).
  const lower = Math.tan((Math.PI * low) / rate);
  const upper = Math.tan((Math.PI * high) / rate);
  const halfWidth = (upper - lower) / 2;
  const sections: SectionCascade['sections'] = [];
  let gain = 1;
  // The poles above the real axis. The other pole of each section is the complex conjugate.
  for (let k = 0; k < order / 2; k++) {
    const angle = (Math.PI * (order + 2 * k + 1)) / (2 * order);
    const re = halfWidth * Math.cos(angle);
    const im = halfWidth * Math.sin(angle);
    const root = squareRoot(re * re - im * im - lower * upper, 2 * re * im);
    for (const sign of [1, -1]) {
      // The analogue pole s = x + iy becomes z = (1 + s) / (1 - s).
      const x = re + sign * root.re;
      const y = im + sign * root.im;
      const denominator = (1 - x) ** 2 + y * y;
      sections.push({
        a1: (-2 * (1 - x * x - y * y)) / denominator,
        a2: ((1 + x) ** 2 + y * y) / denominator,
      });
      gain *= (2 * halfWidth) / denominator;
    }
  }
  sections.sort((a, b) => a.a2 - b.a2);
  return { gain, sections };
}

/** The principal square root of re + i im. */
function squareRoot(re: number, im: number): { re: number; im: number } {
  const modulus = Math.hypot(re, im);
  const root = Math.sqrt((modulus + Math.abs(re)) / 2);
  if (root === 0) return { re: 0, im: 0 };
  const other = im / (2 * root);
  if (re >= 0) return { re: root, im: other };
  return { re: Math.abs(other), im: im < 0 ? -root : root };
}
