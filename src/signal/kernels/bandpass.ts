import { add, both, mul, NUMBER, POINT, sub } from './lanes';

/**
 * Puts one detector of two samples side by side, with an odd extension (the sample turned by 180 degrees about its
 * first and its last point) at both ends.
 *
 * @param first, second `length` float64 numbers each; length is even.
 * @param points receives padding + length + padding points.
 */
export function gather(first: usize, second: usize, points: usize, length: i32, padding: i32): void {
  const start = points + <usize>padding * POINT;
  const end = start + <usize>(length - 1) * POINT;
  for (let to = start; to < end; to += 2 * POINT) {
    const a = v128.load(first);
    const b = v128.load(second);
    v128.store(to, v128.shuffle<f64>(a, b, 0, 2));
    v128.store(to, v128.shuffle<f64>(a, b, 1, 3), POINT);
    first += POINT;
    second += POINT;
  }
  const doubleFirst = add(v128.load(start), v128.load(start));
  const doubleLast = add(v128.load(end), v128.load(end));
  for (let i: usize = 1; i <= <usize>padding; i++) {
    v128.store(start - i * POINT, sub(doubleFirst, v128.load(start + i * POINT)));
    v128.store(end + i * POINT, sub(doubleLast, v128.load(end - i * POINT)));
  }
}

/**
 * The four sections of the band-pass, forward and then backward over `count` points (even) in place, without the
 * gain.
 *
 * @param coefficients a1 and a2 of each section in turn.
 */
export function bandpass(points: usize, count: i32, coefficients: usize): void {
  runSections(points, POINT, count, coefficients);
  runSections(points + <usize>(count - 1) * POINT, 0 - POINT, count, coefficients);
}

/** One pass; see runSections in ../bandpass.ts, whose arithmetic this is. `step` may be a negative number of bytes. */
function runSections(at: usize, step: usize, count: i32, coefficients: usize): void {
  const a1 = both(coefficients);
  const a2 = both(coefficients + NUMBER);
  const b1 = both(coefficients + 2 * NUMBER);
  const b2 = both(coefficients + 3 * NUMBER);
  const c1 = both(coefficients + 4 * NUMBER);
  const c2 = both(coefficients + 5 * NUMBER);
  const d1 = both(coefficients + 6 * NUMBER);
  const d2 = both(coefficients + 7 * NUMBER);
  const zero = f64x2.splat(0);
  // The input x and the outputs of the sections A, B, C, D: one step ago and (doubled letters) two steps ago.
  let x = v128.load(at);
  let xx = x;
  let a = zero;
  let aa = zero;
  let b = zero;
  let bb = zero;
  let c = zero;
  let cc = zero;
  let d = zero;
  let dd = zero;
  // Two steps a round: older values are overwritten by newer ones, nothing is moved.
  for (let rounds = count >> 1; rounds > 0; rounds--) {
    const first = v128.load(at);
    const fromX = sub(first, xx);
    xx = first;
    const fromA = sub(sub(fromX, mul(a2, aa)), mul(a1, a));
    const toB = sub(fromA, aa);
    aa = fromA;
    const fromB = sub(sub(toB, mul(b2, bb)), mul(b1, b));
    const toC = sub(fromB, bb);
    bb = fromB;
    const fromC = sub(sub(toC, mul(c2, cc)), mul(c1, c));
    const toD = sub(fromC, cc);
    cc = fromC;
    dd = sub(sub(toD, mul(d2, dd)), mul(d1, d));
    v128.store(at, dd);
    at += step;
    const second = v128.load(at);
    const nextX = sub(second, x);
    x = second;
    const nextA = sub(sub(nextX, mul(a2, a)), mul(a1, aa));
    const intoB = sub(nextA, a);
    a = nextA;
    const nextB = sub(sub(intoB, mul(b2, b)), mul(b1, bb));
    const intoC = sub(nextB, b);
    b = nextB;
    const nextC = sub(sub(intoC, mul(c2, c)), mul(c1, cc));
    const intoD = sub(nextC, c);
    c = nextC;
    d = sub(sub(intoD, mul(d2, d)), mul(d1, dd));
    v128.store(at, d);
    at += step;
  }
}
