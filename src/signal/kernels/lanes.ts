/**
 * Every point is one vector of two float64 lanes, and a lane is a sample: no operation lets one lane see the other, so
 * that a sample's result doesn't depend on the one beside it.
 */

/** Bytes of one point. */
export const POINT: usize = 16;
/** Bytes of a float64: tables hold one number for both lanes. */
export const NUMBER: usize = 8;

/** The number at `address` in both lanes. */
export function both(address: usize): v128 {
  return v128.load64_splat(address);
}

export function add(a: v128, b: v128): v128 {
  return f64x2.add(a, b);
}

export function sub(a: v128, b: v128): v128 {
  return f64x2.sub(a, b);
}

export function mul(a: v128, b: v128): v128 {
  return f64x2.mul(a, b);
}
