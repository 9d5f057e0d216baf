/**
 * The real steps of the transform; see transform.ts. Four quarters x0, x1, x2, x3 of a real block become
 *
 *     x0 + x1 + x2 + x3     a real block, modulo z^(n/4) - 1
 *     x0 - x1 + x2 - x3     modulo z^(n/4) + 1: a complex block of n/8 points, real parts first
 *     x0 - x2, x1 - x3      modulo z^(n/2) + 1: a complex block of n/4 points, its real and its imaginary parts
 *
 * in this order, in place.
 */
import { add, all, mul, POINT, SOME, sub, widenHigh, widenLow } from './lanes';

export function split<T>(points: usize, length: i32): void {
  const quarter = <usize>(length >> 2) * POINT;
  const end = points + quarter;
  for (let p = points; p < end; p += POINT) {
    splitPoint<T>(
      p,
      quarter,
      v128.load(p),
      v128.load(p + quarter),
      v128.load(p + 2 * quarter),
      v128.load(p + 3 * quarter),
    );
  }
}

/** The first step, which also multiplies the points by a taper of `length` numbers. */
export function splitTapered<T>(points: usize, length: i32, taper: usize): void {
  const quarter = <usize>(length >> 2) * POINT;
  const quarterTaper = <usize>(length >> 2) * sizeof<T>();
  const end = points + quarter;
  for (let p = points; p < end; p += POINT) {
    splitPoint<T>(
      p,
      quarter,
      mul<T>(v128.load(p), all<T>(taper)),
      mul<T>(v128.load(p + quarter), all<T>(taper + quarterTaper)),
      mul<T>(v128.load(p + 2 * quarter), all<T>(taper + 2 * quarterTaper)),
      mul<T>(v128.load(p + 3 * quarter), all<T>(taper + 3 * quarterTaper)),
    );
    taper += sizeof<T>();
  }
}

function splitPoint<T>(p: usize, quarter: usize, x0: v128, x1: v128, x2: v128, x3: v128): void {
  const even = add<T>(x0, x2);
  const odd = add<T>(x1, x3);
  v128.store(p, add<T>(even, odd));
  v128.store(p + quarter, sub<T>(even, odd));
  v128.store(p + 2 * quarter, sub<T>(x0, x2));
  v128.store(p + 3 * quarter, sub<T>(x1, x3));
}

/** The inverse of split, scaled by 4 for the first two quarters and by 2 for the others. */
export function join<T>(points: usize, length: i32): void {
  const quarter = <usize>(length >> 2) * POINT;
  const end = points + quarter;
  for (let p = points; p < end; p += POINT) {
    const y0 = v128.load(p);
    const y1 = v128.load(p + quarter);
    const y2 = v128.load(p + 2 * quarter);
    const y3 = v128.load(p + 3 * quarter);
    const even = add<T>(y0, y1);
    const odd = sub<T>(y0, y1);
    v128.store(p, add<T>(even, y2));
    v128.store(p + quarter, add<T>(odd, y3));
    v128.store(p + 2 * quarter, sub<T>(even, y2));
    v128.store(p + 3 * quarter, sub<T>(odd, y3));
  }
}

/**
 * The last step of the inverse, which also multiplies the float32 points by a window of `length` numbers. Writes the
 * sum of the points to `sum`, in float64: the first two lanes, then the last two.
 */
export function joinWindowed(points: usize, length: i32, window: usize, sum: usize): void {
  const quarter = <usize>(length >> 2) * POINT;
  const quarterWindow = <usize>(length >> 2) * sizeof<f32>();
  const end = points + quarter;
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  for (let p = points; p < end; ) {
    // Sums of a few numbers in float32, their total in float64: as accurate as converting each number, and faster.
    let some = f32x4.splat(0);
    for (const stop = p + SOME * POINT; p < stop; p += POINT) {
      const y0 = v128.load(p);
      const y1 = v128.load(p + quarter);
      const y2 = v128.load(p + 2 * quarter);
      const y3 = v128.load(p + 3 * quarter);
      const even = add<f32>(y0, y1);
      const odd = sub<f32>(y0, y1);
      const x0 = mul<f32>(add<f32>(even, y2), all<f32>(window));
      const x1 = mul<f32>(add<f32>(odd, y3), all<f32>(window + quarterWindow));
      const x2 = mul<f32>(sub<f32>(even, y2), all<f32>(window + 2 * quarterWindow));
      const x3 = mul<f32>(sub<f32>(odd, y3), all<f32>(window + 3 * quarterWindow));
      some = add<f32>(some, add<f32>(add<f32>(x0, x1), add<f32>(x2, x3)));
      v128.store(p, x0);
      v128.store(p + quarter, x1);
      v128.store(p + 2 * quarter, x2);
      v128.store(p + 3 * quarter, x3);
      window += sizeof<f32>();
    }
    low = add<f64>(low, widenLow(some));
    high = add<f64>(high, widenHigh(some));
  }
  v128.store(sum, low);
  v128.store(sum, high, 16);
}
