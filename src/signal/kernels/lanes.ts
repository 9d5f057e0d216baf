/**
 * A point is one vector, of four float32 lanes or of two float64 lanes, and each lane is a sample. No arithmetic
 * mixes lanes, so that a sample's result doesn't depend on the samples beside it. T is f32 or f64.
 */

/** Bytes of one point. */
export const POINT: usize = 16;

/** The number of type T at `address`, in all lanes: tables hold one number for all lanes. */
export function all<T>(address: usize): v128 {
  return sizeof<T>() === 4 ? v128.load32_splat(address) : v128.load64_splat(address);
}

export function add<T>(a: v128, b: v128): v128 {
  return v128.add<T>(a, b);
}

export function sub<T>(a: v128, b: v128): v128 {
  return v128.sub<T>(a, b);
}

export function mul<T>(a: v128, b: v128): v128 {
  return v128.mul<T>(a, b);
}

/** How many numbers are summed in float32 before the sum is added to a float64 one. */
export const SOME: i32 = 16;

/** The first two of four float32 lanes as float64. */
export function widenLow(x: v128): v128 {
  return f64x2.promote_low_f32x4(x);
}

/** The last two of four float32 lanes as float64. */
export function widenHigh(x: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<f64>(x, x, 1, 1));
}
