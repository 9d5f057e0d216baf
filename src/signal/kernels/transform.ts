/**
 * Transforms of real signals without a complex transform to untangle afterwards.
 *
 * A signal of N points is a polynomial x(z) modulo z^N - 1, and its spectrum are the polynomial's values at the roots
 * of that. Real steps (split.ts) divide z^N - 1 into z - 1, z + 1, z^2 + 1, z^4 + 1, ... z^(N/2) + 1. Of the roots of
 * z^m + 1, half are those of z^(m/2) - i and the other half their conjugates, which a real signal needs no values at;
 * and modulo z^(m/2) - i a real polynomial of m coefficients is a complex one of m/2: the lower coefficients are the
 * real parts, the upper ones the imaginary parts, just as they lie in memory. Complex steps (passes.ts) divide each
 * z^(m/2) - i down to single values. They begin alike for every m, so one table of twiddles serves all.
 * (Bernstein, Multidigit multiplication for mathematicians, 2001, sections 4-8, has these maps.)
 *
 * Values come out in the order of the divisions, and the inverse takes them in it. N is a power of 4.
 */
import { add, both, mul, NUMBER, POINT } from './lanes';
import { filterPairs, filterQuads, forwardPairs, forwardPass, inversePass, TWIDDLES } from './passes';
import { join, joinWindowed, split, splitTapered } from './split';

/**
 * Multiplies the spectrum of `length` tapered points by real factors and puts the window on what this gives: the
 * points become window * irfft(rfft(taper * points) * f). Writes their sum, a point, to `sum`.
 *
 * @param factors a number for each value, at the place of its real part; holds the inverse's scale as well:
 *   f / length for the first two, which are real, and 2 f / length for the others.
 */
export function filterSpectrum(
  points: usize,
  length: i32,
  taper: usize,
  window: usize,
  twiddles: usize,
  factors: usize,
  sum: usize,
): void {
  splitTapered(points, length, taper);
  for (let n = length; n >= 16; n >>= 2) {
    if (n < length) split(points, n);
    const eighth = n >> 3;
    filterBlock(
      points + <usize>(4 * eighth) * POINT,
      2 * eighth,
      twiddles,
      factors + <usize>(4 * eighth) * NUMBER,
    );
    filterBlock(
      points + <usize>(2 * eighth) * POINT,
      eighth,
      twiddles,
      factors + <usize>(2 * eighth) * NUMBER,
    );
  }
  split(points, 4);
  v128.store(points, mul(v128.load(points), both(factors)));
  v128.store(points, mul(v128.load(points, POINT), both(factors + NUMBER)), POINT);
  const f = both(factors + 2 * NUMBER);
  v128.store(points, mul(v128.load(points, 2 * POINT), f), 2 * POINT);
  v128.store(points, mul(v128.load(points, 3 * POINT), f), 3 * POINT);
  for (let n = 4; n < length; n <<= 2) join(points, n);
  v128.store(sum, joinWindowed(points, length, window));
}

/** Forward, times the factors, and back: one complex block, which starts modulo z^size - i. */
function filterBlock(z: usize, size: i32, twiddles: usize, factors: usize): void {
  const imaginary = <usize>size * POINT;
  let n = size;
  let blocks = 1;
  for (; n > 4; n >>= 2) {
    forwardPass(z, imaginary, size, n, twiddles);
    twiddles += <usize>blocks * TWIDDLES;
    blocks <<= 2;
  }
  if (n === 4) filterQuads(z, imaginary, size, twiddles, factors);
  else filterPairs(z, imaginary, size, twiddles, factors);
  while (n < size) {
    n <<= 2;
    blocks >>= 2;
    twiddles -= <usize>blocks * TWIDDLES;
    inversePass(z, imaginary, size, n, twiddles);
  }
}

/**
 * Writes |rfft(taper * points)|^2 to `power`, a point a bin, in the order of the divisions: 0, N/2, N/4 and then the
 * complex blocks from the shortest on. Writes the sum over the bins, a point, to `sum`; the points are spent.
 */
export function computePower(
  points: usize,
  length: i32,
  taper: usize,
  twiddles: usize,
  power: usize,
  sum: usize,
): void {
  splitTapered(points, length, taper);
  for (let n = length >> 2; n >= 4; n >>= 2) split(points, n);
  const first = mul(v128.load(points), v128.load(points));
  const second = mul(v128.load(points, POINT), v128.load(points, POINT));
  v128.store(power, first);
  v128.store(power, second, POINT);
  let total = add(add(first, second), squareBlock(points + 2 * POINT, 1, power + 2 * POINT));
  power += 3 * POINT;
  for (let n = 16; n <= length; n <<= 2) {
    for (let size = n >> 3; size <= n >> 2; size <<= 1) {
      const z = points + <usize>(2 * size) * POINT;
      forwardBlock(z, size, twiddles);
      total = add(total, squareBlock(z, size, power));
      power += <usize>size * POINT;
    }
  }
  v128.store(sum, total);
}

function forwardBlock(z: usize, size: i32, twiddles: usize): void {
  const imaginary = <usize>size * POINT;
  let n = size;
  let blocks = 1;
  for (; n >= 4; n >>= 2) {
    forwardPass(z, imaginary, size, n, twiddles);
    twiddles += <usize>blocks * TWIDDLES;
    blocks <<= 2;
  }
  if (n === 2) forwardPairs(z, imaginary, size, twiddles);
}

function squareBlock(z: usize, size: i32, power: usize): v128 {
  const imaginary = <usize>size * POINT;
  let sum = f64x2.splat(0);
  for (const end = z + imaginary; z < end; z += POINT) {
    const re = v128.load(z);
    const im = v128.load(z + imaginary);
    const square = add(mul(re, re), mul(im, im));
    v128.store(power, square);
    sum = add(sum, square);
    power += POINT;
  }
  return sum;
}
