import { add, mul, NUMBER, POINT, sub } from './lanes';

/**
 * Takes the sum of `length` points, a multiple of 4, from `sum` and writes three points to `moments`: their mean,
 * 1 / max(deviation, minimumDeviation), and the (population standard) deviation.
 */
export function computeMoments(
  points: usize,
  length: i32,
  sum: usize,
  minimumDeviation: f64,
  moments: usize,
): void {
  const count = f64x2.splat(<f64>length);
  const mean = f64x2.div(v128.load(sum), count);
  // Four sums at once, since one would wait for its own last addition at each point.
  let s0 = f64x2.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  const end = points + <usize>length * POINT;
  for (let p = points; p < end; p += 4 * POINT) {
    const a = sub(v128.load(p), mean);
    const b = sub(v128.load(p, POINT), mean);
    const c = sub(v128.load(p, 2 * POINT), mean);
    const d = sub(v128.load(p, 3 * POINT), mean);
    s0 = add(s0, mul(a, a));
    s1 = add(s1, mul(b, b));
    s2 = add(s2, mul(c, c));
    s3 = add(s3, mul(d, d));
  }
  const deviation = f64x2.sqrt(f64x2.div(add(add(s0, s1), add(s2, s3)), count));
  v128.store(moments, mean);
  v128.store(moments, f64x2.div(f64x2.splat(1), f64x2.max(deviation, f64x2.splat(minimumDeviation))), POINT);
  v128.store(moments, deviation, 2 * POINT);
}

/** Writes (points - mean) * factor as float32 to `first` and `second`. `length` is a multiple of 4. */
export function storeFloat32(points: usize, length: i32, moments: usize, first: usize, second: usize): void {
  const mean = v128.load(moments);
  const factor = v128.load(moments, POINT);
  const end = points + <usize>length * POINT;
  for (let p = points; p < end; p += 4 * POINT) {
    const ab = narrowTwo(p, mean, factor);
    const cd = narrowTwo(p + 2 * POINT, mean, factor);
    v128.store(first, v128.shuffle<f64>(ab, cd, 0, 2));
    v128.store(second, v128.shuffle<f64>(ab, cd, 1, 3));
    first += 16;
    second += 16;
  }
}

/** Writes (points - mean) * factor, rounded to float32 and then to float16. `length` is a multiple of 8. */
export function storeFloat16(points: usize, length: i32, moments: usize, first: usize, second: usize): void {
  const mean = v128.load(moments);
  const factor = v128.load(moments, POINT);
  const end = points + <usize>length * POINT;
  for (let p = points; p < end; p += 8 * POINT) {
    const ab = narrowTwo(p, mean, factor);
    const cd = narrowTwo(p + 2 * POINT, mean, factor);
    const ef = narrowTwo(p + 4 * POINT, mean, factor);
    const gh = narrowTwo(p + 6 * POINT, mean, factor);
    v128.store(first, roundToHalves(v128.shuffle<f64>(ab, cd, 0, 2), v128.shuffle<f64>(ef, gh, 0, 2)));
    v128.store(second, roundToHalves(v128.shuffle<f64>(ab, cd, 1, 3), v128.shuffle<f64>(ef, gh, 1, 3)));
    first += 16;
    second += 16;
  }
}

/** Two points as float32: both of the first lane, then both of the second. */
function narrowTwo(p: usize, mean: v128, factor: v128): v128 {
  const a = f32x4.demote_f64x2_zero(mul(sub(v128.load(p), mean), factor));
  const b = f32x4.demote_f64x2_zero(mul(sub(v128.load(p, POINT), mean), factor));
  return v128.shuffle<f32>(a, b, 0, 4, 1, 5);
}

/** Eight float32 numbers below 65520 in size as float16, to nearest, ties to even. */
function roundToHalves(low: v128, high: v128): v128 {
  return i16x8.narrow_i32x4_s(roundToHalf(low), roundToHalf(high));
}

/**
 * The addition of 2^13 times the number's power of two leaves just the bits that a float16 has, rounded as every
 * addition is; for numbers below 2^-14 the power is theirs, which gives the subnormal halves. What is then in the
 * lower bits is the half's fraction, and the exponent differs by a constant. The sign is spread over the upper half
 * of the lane, which is what narrowing with saturation leaves as it is.
 */
function roundToHalf(x: v128): v128 {
  const magnitude = v128.and(x, i32x4.splat(0x7fffffff));
  const power = i32x4.max_s(v128.and(x, i32x4.splat(0x7f800000)), i32x4.splat(0x38800000));
  const magic = i32x4.add(power, i32x4.splat(13 << 23));
  const fraction = i32x4.sub(f32x4.add(magnitude, magic), magic);
  const half = i32x4.add(i32x4.add(fraction, i32x4.shr_u(magic, 13)), i32x4.splat(0 - (126 << 10)));
  return v128.or(half, v128.and(i32x4.shr_s(x, 16), i32x4.splat(0xffff8000)));
}

/** sum[i] += the lane's part of power[i], `count` times; `lane` is 0 or 1. */
export function accumulate(sum: usize, power: usize, count: i32, lane: i32): void {
  power += <usize>lane * NUMBER;
  for (const end = sum + <usize>count * NUMBER; sum < end; sum += NUMBER) {
    store<f64>(sum, load<f64>(sum) + load<f64>(power));
    power += POINT;
  }
}
