import { add, all, mul, POINT, sub } from './lanes';

/** Bytes of one time step of a block: two float64 points, which hold four samples. */
const STEP: usize = 2 * POINT;
const HALF: usize = POINT / 2;

/**
 * Interleaves one detector of two samples as float64 points.
 *
 * @param rows addresses (uint32) of `length` numbers each; length is even.
 */
export function gather(rows: usize, points: usize, length: i32): void {
  gatherPair(load<u32>(rows), load<u32>(rows, 4), points, POINT, length, 0);
}

/**
 * Interleaves one detector of four samples, with an odd extension (the sample rotated by 180 degrees about its first
 * and its last point) at both ends.
 *
 * @param rows as in gather.
 * @param steps receives padding + length + padding time steps.
 */
export function gatherExtended(rows: usize, steps: usize, length: i32, padding: i32): void {
  gatherPair(load<u32>(rows), load<u32>(rows, 4), steps, STEP, length, padding);
  gatherPair(load<u32>(rows, 8), load<u32>(rows, 12), steps + POINT, STEP, length, padding);
}

/** Points are `stride` bytes apart. */
function gatherPair(
  first: usize,
  second: usize,
  points: usize,
  stride: usize,
  length: i32,
  padding: i32,
): void {
  const start = points + <usize>padding * stride;
  const end = start + <usize>(length - 1) * stride;
  for (let to = start; to < end; to += 2 * stride) {
    const a = v128.load(first);
    const b = v128.load(second);
    v128.store(to, v128.shuffle<f64>(a, b, 0, 2));
    v128.store(to + stride, v128.shuffle<f64>(a, b, 1, 3));
    first += POINT;
    second += POINT;
  }
  const doubleFirst = add<f64>(v128.load(start), v128.load(start));
  const doubleLast = add<f64>(v128.load(end), v128.load(end));
  for (let i: usize = 1; i <= <usize>padding; i++) {
    v128.store(start - i * stride, sub<f64>(doubleFirst, v128.load(start + i * stride)));
    v128.store(end + i * stride, sub<f64>(doubleLast, v128.load(end - i * stride)));
  }
}

/**
 * Applies the four sections of the band-pass to a block of four samples from gatherExtended, forward in place and
 * then backward, without the gain. Writes `length` float32 points from `out` on, and overwrites `padding + 1` points
 * after them.
 *
 * Also uses one step before `steps` and one after the last. They repeat their neighbours, which makes the counts even
 * (`padding` is odd) and changes nothing, since a filter starts as if its first input had always been there.
 *
 * @param coefficients a1 and a2 of each section in turn.
 */
export function bandpass(steps: usize, length: i32, padding: i32, coefficients: usize, out: usize): void {
  const before = steps - STEP;
  const last = steps + <usize>(length + 2 * padding - 1) * STEP;
  copyStep(steps, before);
  const whole = length + 2 * padding + 2;
  runSections<f64>(before, STEP, whole, coefficients, true, 0);
  runSections<f64>(before, STEP, whole, coefficients + PAIR, false, 0);
  copyStep(last, last + STEP);
  const count = length + padding + 1;
  runSections<f64>(last + STEP, 0 - STEP, count, coefficients, true, 0);
  runSections<f32>(
    last + STEP,
    0 - STEP,
    count,
    coefficients + PAIR,
    false,
    out + <usize>(count - 1) * POINT,
  );
}

function copyStep(from: usize, to: usize): void {
  v128.store(to, v128.load(from));
  v128.store(to, v128.load(from, POINT), POINT);
}

/** Bytes of the coefficients of two sections. */
const PAIR: usize = 32;

/**
 * One pass of two sections, A and B, with the arithmetic of runSections in ../bandpass.ts. `step` is a number of
 * bytes, and may be negative. Results of type f64 overwrite the input. Results of type f32 go to `out`, one point per
 * step, in the same direction.
 *
 * A section waits for its own previous output. To fill that time, the two points of a step, which are independent,
 * are filtered side by side, and two sections at once. The state of more sections doesn't fit into the 16 registers
 * that WebAssembly's engines use.
 *
 * @param settled true: the first input has always been there; false: the input was 0 before.
 */
function runSections<Result>(
  at: usize,
  step: usize,
  count: i32,
  coefficients: usize,
  settled: bool,
  out: usize,
): void {
  const a1 = all<f64>(coefficients);
  const a2 = all<f64>(coefficients + 8);
  const b1 = all<f64>(coefficients + 16);
  const b2 = all<f64>(coefficients + 24);
  const zero = f64x2.splat(0);
  const point: usize = step > 0x7fffffff ? 0 - POINT : POINT;
  // The input (x, y) of each point and the outputs of both sections (a, b and c, d): one step ago and (doubled
  // letters) two steps ago.
  let x = settled ? v128.load(at) : zero;
  let xx = x;
  let a = zero;
  let aa = zero;
  let b = zero;
  let bb = zero;
  let y = settled ? v128.load(at, POINT) : zero;
  let yy = y;
  let c = zero;
  let cc = zero;
  let d = zero;
  let dd = zero;
  // Two steps per iteration: newer values overwrite older ones, and nothing is moved. One point is finished before
  // the other starts. Engines keep the order of loads and stores, so they have fewer values to hold.
  for (let rounds = count >> 1; rounds > 0; rounds--) {
    const x0 = v128.load(at);
    const a0 = section(sub<f64>(x0, xx), a1, a, a2, aa);
    bb = section(sub<f64>(a0, aa), b1, b, b2, bb);
    xx = x0;
    aa = a0;
    put<Result>(bb, at, out);
    const y0 = v128.load(at, POINT);
    const c0 = section(sub<f64>(y0, yy), a1, c, a2, cc);
    dd = section(sub<f64>(c0, cc), b1, d, b2, dd);
    yy = y0;
    cc = c0;
    put<Result>(dd, at + POINT, out + HALF);
    at += step;
    out += point;
    const x1 = v128.load(at);
    const a3 = section(sub<f64>(x1, x), a1, aa, a2, a);
    b = section(sub<f64>(a3, a), b1, bb, b2, b);
    x = x1;
    a = a3;
    put<Result>(b, at, out);
    const y1 = v128.load(at, POINT);
    const c3 = section(sub<f64>(y1, y), a1, cc, a2, c);
    d = section(sub<f64>(c3, c), b1, dd, b2, d);
    y = y1;
    c = c3;
    put<Result>(d, at + POINT, out + HALF);
    at += step;
    out += point;
  }
}

/** A section's next output, from the difference of its inputs and from its last two outputs. */
function section(difference: v128, a1: v128, last: v128, a2: v128, secondLast: v128): v128 {
  return sub<f64>(sub<f64>(difference, mul<f64>(a2, secondLast)), mul<f64>(a1, last));
}

/** Writes two float64 lanes unchanged to `at`, or as two float32 lanes to `out`. */
function put<Result>(lanes: v128, at: usize, out: usize): void {
  if (sizeof<Result>() === 4) v128.store64_lane(out, f32x4.demote_f64x2_zero(lanes), 0);
  else v128.store(at, lanes);
}
