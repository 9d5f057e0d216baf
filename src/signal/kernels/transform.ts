/**
 * Transforms of real signals that need no complex transform to be untangled afterwards.
 *
 * A signal of N points is a polynomial x(z) modulo z^N - 1, and its spectrum consists of the polynomial's values at
 * the roots of z^N - 1. Real steps (split.ts) divide z^N - 1 into z - 1, z + 1, z^2 + 1, z^4 + 1, ... z^(N/2) + 1.
 * Half of the roots of z^m + 1 are the roots of z^(m/2) - i. The other half are their conjugates, where a real signal
 * needs no values. Modulo z^(m/2) - i, a real polynomial of m coefficients is a complex one of m/2: the lower
 * coefficients are the real parts and the upper ones the imaginary parts, which is how they are stored already.
 * Complex steps (passes.ts) divide each z^(m/2) - i down to single values. They start alike for every m, so one table
 * of twiddles serves all. (Bernstein, Multidigit multiplication for mathematicians, 2001, sections 4-8, has these
 * maps.)
 *
 * Values come out in the order of the divisions, and the inverse reads them in that order. N is a power of 4.
 */
import { add, all, mul, POINT } from './lanes';
import { filterPairs, filterQuads, forwardPairs, forwardPass, inversePass, twiddleBytes } from './passes';
import { join, joinWindowed, split, splitTapered } from './split';

/**
 * Filters `length` float32 points in place: they become window * irfft(rfft(taper * points) * f). Writes their sum to
 * `sum` (see joinWindowed).
 *
 * @param factors one number per value, at the place of its real part, including the scale of the inverse: f / length
 *   for the first two values, which are real, and 2 f / length for the others.
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
  splitTapered<f32>(points, length, taper);
  for (let n = length; n >= 16; n >>= 2) {
    if (n < length) split<f32>(points, n);
    const eighth = n >> 3;
    filterBlock(
      points + <usize>(4 * eighth) * POINT,
      2 * eighth,
      twiddles,
      factors + <usize>(4 * eighth) * sizeof<f32>(),
    );
    filterBlock(
      points + <usize>(2 * eighth) * POINT,
      eighth,
      twiddles,
      factors + <usize>(2 * eighth) * sizeof<f32>(),
    );
  }
  split<f32>(points, 4);
  v128.store(points, mul<f32>(v128.load(points), all<f32>(factors)));
  v128.store(points, mul<f32>(v128.load(points, POINT), all<f32>(factors + sizeof<f32>())), POINT);
  const f = all<f32>(factors + 2 * sizeof<f32>());
  v128.store(points, mul<f32>(v128.load(points, 2 * POINT), f), 2 * POINT);
  v128.store(points, mul<f32>(v128.load(points, 3 * POINT), f), 3 * POINT);
  for (let n = 4; n < length; n <<= 2) join<f32>(points, n);
  joinWindowed(points, length, window, sum);
}

/**
 * Transforms one complex block, which starts modulo z^size - i, multiplies it by the factors, and transforms it back.
 */
function filterBlock(z: usize, size: i32, twiddles: usize, factors: usize): void {
  const imaginary = <usize>size * POINT;
  let n = size;
  let blocks = 1;
  for (; n > 4; n >>= 2) {
    forwardPass<f32>(z, imaginary, size, n, twiddles);
    twiddles += <usize>blocks * twiddleBytes<f32>();
    blocks <<= 2;
  }
  if (n === 4) filterQuads<f32>(z, imaginary, size, twiddles, factors);
  else filterPairs<f32>(z, imaginary, size, twiddles, factors);
  while (n < size) {
    n <<= 2;
    blocks >>= 2;
    twiddles -= <usize>blocks * twiddleBytes<f32>();
    inversePass<f32>(z, imaginary, size, n, twiddles);
  }
}

/**
 * Writes |rfft(taper * points)|^2 to `power`, one point per bin, in the order of the divisions: 0, N/2, N/4, then the
 * complex blocks, the shortest first. Writes the sum over the bins to `sum`, as one point. Overwrites the points.
 */
export function computePower(
  points: usize,
  length: i32,
  taper: usize,
  twiddles: usize,
  power: usize,
  sum: usize,
): void {
  splitTapered<f64>(points, length, taper);
  for (let n = length >> 2; n >= 4; n >>= 2) split<f64>(points, n);
  const first = mul<f64>(v128.load(points), v128.load(points));
  const second = mul<f64>(v128.load(points, POINT), v128.load(points, POINT));
  v128.store(power, first);
  v128.store(power, second, POINT);
  let total = add<f64>(add<f64>(first, second), squareBlock(points + 2 * POINT, 1, power + 2 * POINT));
  power += 3 * POINT;
  for (let n = 16; n <= length; n <<= 2) {
    for (let size = n >> 3; size <= n >> 2; size <<= 1) {
      const z = points + <usize>(2 * size) * POINT;
      forwardBlock(z, size, twiddles);
      total = add<f64>(total, squareBlock(z, size, power));
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
    forwardPass<f64>(z, imaginary, size, n, twiddles);
    twiddles += <usize>blocks * twiddleBytes<f64>();
    blocks <<= 2;
  }
  if (n === 2) forwardPairs<f64>(z, imaginary, size, twiddles);
}

function squareBlock(z: usize, size: i32, power: usize): v128 {
  const imaginary = <usize>size * POINT;
  let sum = f64x2.splat(0);
  for (const end = z + imaginary; z < end; z += POINT) {
    const re = v128.load(z);
    const im = v128.load(z + imaginary);
    const square = add<f64>(mul<f64>(re, re), mul<f64>(im, im));
    v128.store(power, square);
    sum = add<f64>(sum, square);
    power += POINT;
  }
  return sum;
}
