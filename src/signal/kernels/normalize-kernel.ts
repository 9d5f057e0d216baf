import { add, mul, POINT, SOME, sub, widenHigh, widenLow } from './lanes';

/**
 * Reads the sum of `length` float32 points (see joinWindowed) from `sum`, and writes three points to `moments`: the
 * mean, 1 / max(deviation, minimumDeviation), and the deviation (population standard deviation). `length` is a
 * multiple of 4 SOME.
 */
export function computeMoments(
  points: usize,
  length: i32,
  sum: usize,
  minimumDeviation: f64,
  moments: usize,
): void {
  const count = f64x2.splat(<f64>length);
  const mean = narrow(f64x2.div(v128.load(sum), count), f64x2.div(v128.load(sum, 16), count));
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  const end = points + <usize>length * POINT;
  for (let p = points; p < end; ) {
    // Four sums, because each addition to a single sum would wait for the previous one.
    let s0 = f32x4.splat(0);
    let s1 = s0;
    let s2 = s0;
    let s3 = s0;
    for (const stop = p + 4 * SOME * POINT; p < stop; p += 4 * POINT) {
      const a = sub<f32>(v128.load(p), mean);
      const b = sub<f32>(v128.load(p, POINT), mean);
      const c = sub<f32>(v128.load(p, 2 * POINT), mean);
      const d = sub<f32>(v128.load(p, 3 * POINT), mean);
      s0 = add<f32>(s0, mul<f32>(a, a));
      s1 = add<f32>(s1, mul<f32>(b, b));
      s2 = add<f32>(s2, mul<f32>(c, c));
      s3 = add<f32>(s3, mul<f32>(d, d));
    }
    const some = add<f32>(add<f32>(s0, s1), add<f32>(s2, s3));
    low = add<f64>(low, widenLow(some));
    high = add<f64>(high, widenHigh(some));
  }
  low = f64x2.sqrt(f64x2.div(low, count));
  high = f64x2.sqrt(f64x2.div(high, count));
  const one = f64x2.splat(1);
  const least = f64x2.splat(minimumDeviation);
  v128.store(moments, mean);
  v128.store(
    moments,
    narrow(f64x2.div(one, f64x2.max(low, least)), f64x2.div(one, f64x2.max(high, least))),
    POINT,
  );
  v128.store(moments, narrow(low, high), 2 * POINT);
}

/** Four float64 numbers as float32. */
function narrow(low: v128, high: v128): v128 {
  return v128.shuffle<f64>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 2);
}

/**
 * Writes (points - mean) * factor as float32: the first lane to `out`, each further lane `stride` bytes after the
 * previous one. `length` is a multiple of 4.
 */
export function storeFloat32(points: usize, length: i32, moments: usize, out: usize, stride: usize): void {
  const mean = v128.load(moments);
  const factor = v128.load(moments, POINT);
  const end = points + <usize>length * POINT;
  for (let p = points; p < end; p += 4 * POINT) {
    const a = scale(p, mean, factor);
    const b = scale(p + POINT, mean, factor);
    const c = scale(p + 2 * POINT, mean, factor);
    const d = scale(p + 3 * POINT, mean, factor);
    storeLanes(a, b, c, d, out, stride);
    out += 16;
  }
}

/** Like storeFloat32, rounded to float16. `length` is a multiple of 8. */
export function storeFloat16(points: usize, length: i32, moments: usize, out: usize, stride: usize): void {
  const mean = v128.load(moments);
  const factor = v128.load(moments, POINT);
  const end = points + <usize>length * POINT;
  for (let p = points; p < end; p += 8 * POINT) {
    const ab = halves(p, mean, factor);
    const cd = halves(p + 2 * POINT, mean, factor);
    const ef = halves(p + 4 * POINT, mean, factor);
    const gh = halves(p + 6 * POINT, mean, factor);
    storeLanes(ab, cd, ef, gh, out, stride);
    out += 16;
  }
}

function scale(p: usize, mean: v128, factor: v128): v128 {
  return mul<f32>(sub<f32>(v128.load(p), mean), factor);
}

/** Writes four vectors of four 32-bit lanes, each lane to a row of its own. */
function storeLanes(a: v128, b: v128, c: v128, d: v128, out: usize, stride: usize): void {
  const ab = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
  const cd = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
  v128.store(out, v128.shuffle<f64>(ab, cd, 0, 2));
  v128.store(out + stride, v128.shuffle<f64>(ab, cd, 1, 3));
  const abHigh = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  const cdHigh = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  v128.store(out + 2 * stride, v128.shuffle<f64>(abHigh, cdHigh, 0, 2));
  v128.store(out + 3 * stride, v128.shuffle<f64>(abHigh, cdHigh, 1, 3));
}

/** Two points as float16, the first one in the lower half of each 32-bit lane. Magnitudes are below 65520. */
function halves(p: usize, mean: v128, factor: v128): v128 {
  const low = scale(p, mean, factor);
  const high = scale(p + POINT, mean, factor);
  const sign = i32x4.splat(0x80000000);
  return v128.or(
    v128.or(roundToHalf(low), v128.and(i32x4.shr_u(low, 16), i32x4.splat(0x8000))),
    v128.or(i32x4.shl(roundToHalf(high), 16), v128.and(high, sign)),
  );
}

/**
 * The magnitude of a float32 number as float16, rounded to nearest, ties to even. Adding 2^13 times the number's
 * power of two leaves exactly the bits that a float16 has, rounded as in every addition. For numbers below 2^-14 that
 * power is 2^-14, which gives the subnormal halves. The lower bits are then the half's fraction, and the exponent
 * differs by a constant.
 */
function roundToHalf(x: v128): v128 {
  const magnitude = v128.and(x, i32x4.splat(0x7fffffff));
  const power = i32x4.max_s(v128.and(x, i32x4.splat(0x7f800000)), i32x4.splat(0x38800000));
  const magic = i32x4.add(power, i32x4.splat(13 << 23));
  const fraction = i32x4.sub(f32x4.add(magnitude, magic), magic);
  return i32x4.add(i32x4.add(fraction, i32x4.shr_u(magic, 13)), i32x4.splat(0 - (126 << 10)));
}

/**
 * sum[i] += power[i] for `count` float64 numbers, for each lane whose bit is set in `lanes`, one lane after another.
 */
export function accumulate(sum: usize, power: usize, count: i32, lanes: i32): void {
  for (let lane: usize = 0; lane < 2; lane++) {
    if ((lanes >> <i32>lane) & 1) accumulateLane(sum, power + lane * sizeof<f64>(), count);
  }
}

function accumulateLane(sum: usize, power: usize, count: i32): void {
  for (const end = sum + <usize>count * sizeof<f64>(); sum < end; sum += sizeof<f64>()) {
    store<f64>(sum, load<f64>(sum) + load<f64>(power));
    power += POINT;
  }
}
