import { add, all, mul, POINT, sub } from './lanes';

/**
 * Puts one detector of two samples side by side, float64, with an odd extension (the sample turned by 180 degrees about
 * its first and its last point) at both ends.
 *
 * @param first, second `length` numbers each; length is even.
 * @param pairs receives padding + length + padding points.
 */
export function gather(first: usize, second: usize, pairs: usize, length: i32, padding: i32): void {
  const start = pairs + <usize>padding * POINT;
  const end = start + <usize>(length - 1) * POINT;
  for (let to = start; to < end; to += 2 * POINT) {
    const a = v128.load(first);
    const b = v128.load(second);
    v128.store(to, v128.shuffle<f64>(a, b, 0, 2));
    v128.store(to, v128.shuffle<f64>(a, b, 1, 3), POINT);
    first += POINT;
    second += POINT;
  }
  const doubleFirst = add<f64>(v128.load(start), v128.load(start));
  const doubleLast = add<f64>(v128.load(end), v128.load(end));
  for (let i: usize = 1; i <= <usize>padding; i++) {
    v128.store(start - i * POINT, sub<f64>(doubleFirst, v128.load(start + i * POINT)));
    v128.store(end + i * POINT, sub<f64>(doubleLast, v128.load(end - i * POINT)));
  }
}

/**
 * The four sections of the band-pass over what gather made, forward in place and then backward, without the gain: writes
 * `length` results, float32, two numbers each, a point apart from `out` on, and spends `padding + 1` places more behind
 * them.
 *
 * Takes a point more in front of `pairs` and one behind the last: they repeat their neighbours, which changes nothing,
 * since a filter begins as if its first input had always been there; it makes the counts even. (`padding` is odd.)
 *
 * @param coefficients a1 and a2 of each section in turn.
 */
export function bandpass(pairs: usize, length: i32, padding: i32, coefficients: usize, out: usize): void {
  const before = pairs - POINT;
  const last = pairs + <usize>(length + 2 * padding - 1) * POINT;
  v128.store(before, v128.load(pairs));
  runSections<f64>(before, POINT, length + 2 * padding + 2, coefficients, 0);
  v128.store(last, v128.load(last), POINT);
  const edge = padding + 1;
  runSections<f32>(
    last + POINT,
    0 - POINT,
    length + edge,
    coefficients,
    out + <usize>(length + edge - 1) * POINT,
  );
}

/**
 * One pass; see runSections in ../bandpass.ts, whose arithmetic this is. `step` may be a negative number of bytes. The
 * results, of type Result, go where the input is (f64) or to `out` and on in the same steps (f32).
 */
function runSections<Result>(at: usize, step: usize, count: i32, coefficients: usize, out: usize): void {
  const a1 = all<f64>(coefficients);
  const a2 = all<f64>(coefficients + 8);
  const b1 = all<f64>(coefficients + 16);
  const b2 = all<f64>(coefficients + 24);
  const c1 = all<f64>(coefficients + 32);
  const c2 = all<f64>(coefficients + 40);
  const d1 = all<f64>(coefficients + 48);
  const d2 = all<f64>(coefficients + 56);
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
    const fromX = sub<f64>(first, xx);
    xx = first;
    const fromA = sub<f64>(sub<f64>(fromX, mul<f64>(a2, aa)), mul<f64>(a1, a));
    const toB = sub<f64>(fromA, aa);
    aa = fromA;
    const fromB = sub<f64>(sub<f64>(toB, mul<f64>(b2, bb)), mul<f64>(b1, b));
    const toC = sub<f64>(fromB, bb);
    bb = fromB;
    const fromC = sub<f64>(sub<f64>(toC, mul<f64>(c2, cc)), mul<f64>(c1, c));
    const toD = sub<f64>(fromC, cc);
    cc = fromC;
    dd = sub<f64>(sub<f64>(toD, mul<f64>(d2, dd)), mul<f64>(d1, d));
    if (sizeof<Result>() === 4) {
      v128.store64_lane(out, f32x4.demote_f64x2_zero(dd), 0);
      out += step;
    } else v128.store(at, dd);
    at += step;
    const second = v128.load(at);
    const nextX = sub<f64>(second, x);
    x = second;
    const nextA = sub<f64>(sub<f64>(nextX, mul<f64>(a2, a)), mul<f64>(a1, aa));
    const intoB = sub<f64>(nextA, a);
    a = nextA;
    const nextB = sub<f64>(sub<f64>(intoB, mul<f64>(b2, b)), mul<f64>(b1, bb));
    const intoC = sub<f64>(nextB, b);
    b = nextB;
    const nextC = sub<f64>(sub<f64>(intoC, mul<f64>(c2, c)), mul<f64>(c1, cc));
    const intoD = sub<f64>(nextC, c);
    c = nextC;
    d = sub<f64>(sub<f64>(intoD, mul<f64>(d2, d)), mul<f64>(d1, dd));
    if (sizeof<Result>() === 4) {
      v128.store64_lane(out, f32x4.demote_f64x2_zero(d), 0);
      out += step;
    } else v128.store(at, d);
    at += step;
  }
}
