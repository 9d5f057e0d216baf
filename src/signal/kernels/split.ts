/**
 * The real steps of the transform; see transform.ts. Four quarters x0, x1, x2, x3 of a real block become
 *
 *     x0 + x1 + x2 + x3     a real block again, modulo z^(n/4) - 1
 *     x0 - x1 + x2 - x3     modulo z^(n/4) + 1: a complex block of n/8 points, real parts first
 *     x0 - x2, x1 - x3      modulo z^(n/2) + 1: a complex block of n/4 points, its real and its imaginary parts
 *
 * in this order, in place.
 */
import { add, both, mul, NUMBER, POINT, sub } from './lanes';

export function split(points: usize, length: i32): void {
  const quarter = <usize>(length >> 2) * POINT;
  const end = points + quarter;
  for (let p = points; p < end; p += POINT) {
    splitPoint(
      p,
      quarter,
      v128.load(p),
      v128.load(p + quarter),
      v128.load(p + 2 * quarter),
      v128.load(p + 3 * quarter),
    );
  }
}

/** The first step, with a taper of `length` numbers on the points. */
export function splitTapered(points: usize, length: i32, taper: usize): void {
  const quarter = <usize>(length >> 2) * POINT;
  const quarterTaper = <usize>(length >> 2) * NUMBER;
  const end = points + quarter;
  for (let p = points; p < end; p += POINT) {
    splitPoint(
      p,
      quarter,
      mul(v128.load(p), both(taper)),
      mul(v128.load(p + quarter), both(taper + quarterTaper)),
      mul(v128.load(p + 2 * quarter), both(taper + 2 * quarterTaper)),
      mul(v128.load(p + 3 * quarter), both(taper + 3 * quarterTaper)),
    );
    taper += NUMBER;
  }
}

function splitPoint(p: usize, quarter: usize, x0: v128, x1: v128, x2: v128, x3: v128): void {
  const even = add(x0, x2);
  const odd = add(x1, x3);
  v128.store(p, add(even, odd));
  v128.store(p + quarter, sub(even, odd));
  v128.store(p + 2 * quarter, sub(x0, x2));
  v128.store(p + 3 * quarter, sub(x1, x3));
}

/** The inverse of split, but for a factor: 4 for the first two quarters, 2 for the others. */
export function join(points: usize, length: i32): void {
  const quarter = <usize>(length >> 2) * POINT;
  const end = points + quarter;
  for (let p = points; p < end; p += POINT) {
    const y0 = v128.load(p);
    const y1 = v128.load(p + quarter);
    const y2 = v128.load(p + 2 * quarter);
    const y3 = v128.load(p + 3 * quarter);
    const even = add(y0, y1);
    const odd = sub(y0, y1);
    v128.store(p, add(even, y2));
    v128.store(p + quarter, add(odd, y3));
    v128.store(p + 2 * quarter, sub(even, y2));
    v128.store(p + 3 * quarter, sub(odd, y3));
  }
}

/** The last step, with a window of `length` numbers on the points. Returns the sum of the points. */
export function joinWindowed(points: usize, length: i32, window: usize): v128 {
  const quarter = <usize>(length >> 2) * POINT;
  const quarterWindow = <usize>(length >> 2) * NUMBER;
  const end = points + quarter;
  let sum = f64x2.splat(0);
  for (let p = points; p < end; p += POINT) {
    const y0 = v128.load(p);
    const y1 = v128.load(p + quarter);
    const y2 = v128.load(p + 2 * quarter);
    const y3 = v128.load(p + 3 * quarter);
    const even = add(y0, y1);
    const odd = sub(y0, y1);
    const x0 = mul(add(even, y2), both(window));
    const x1 = mul(add(odd, y3), both(window + quarterWindow));
    const x2 = mul(sub(even, y2), both(window + 2 * quarterWindow));
    const x3 = mul(sub(odd, y3), both(window + 3 * quarterWindow));
    sum = add(sum, add(add(x0, x1), add(x2, x3)));
    v128.store(p, x0);
    v128.store(p + quarter, x1);
    v128.store(p + 2 * quarter, x2);
    v128.store(p + 3 * quarter, x3);
    window += NUMBER;
  }
  return sum;
}
