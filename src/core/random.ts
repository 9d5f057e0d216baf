/** A stream of random numbers. */
export interface RandomStream {
  /** In [low, high); 2^32 equally spaced values. */
  uniform(low: number, high: number): number;
  /** Standard normal, |x| < 6.7. */
  normal(): number;
  /** Two independent standard normals, written to out[offset] and out[offset + 1]. */
  normalPair(out: Float64Array, offset: number): void;
}

const LANES = [0x9e3779b9, 0x85ebca6b, 0xc2b2ae35, 0x27d4eb2f] as const;
const TWO_32 = 2 ** 32;

/** MurmurHash3's 32-bit finalizer (A. Appleby): a bijection in which each input bit affects all output bits. */
export function mix32(value: number): number {
  let x = value ^ (value >>> 16);
  x = Math.imul(x, 0x85ebca6b);
  x ^= x >>> 13;
  x = Math.imul(x, 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}

/**
 * xoshiro128** 1.1 (D. Blackman, S. Vigna, "Scrambled linear pseudorandom number generators", 2021): integers from 0
 * to 2^32 - 1 from a state of four such integers, not all 0. Its period is 2^128 - 1.
 */
export function createXoshiro128(state: readonly [number, number, number, number]): () => number {
  let [a, b, c, d] = state;
  return () => {
    const product = Math.imul(b, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = (d << 11) | (d >>> 21);
    return result;
  };
}

/**
 * The stream of (seed, index, purpose), independent of the order in which streams are created. The generator starts at a
 * hashed state; with a period of 2^128, streams practically never overlap. Seed and index are integers from 0 to 2^53 - 1,
 * purpose is an integer below 2^32.
 */
export function createRandomStream(seed: number, index: number, purpose: number): RandomStream {
  const words = [seed, Math.floor(seed / TWO_32), index, Math.floor(index / TWO_32), purpose];
  const [a, b, c, d] = LANES.map((lane) => words.reduce((hash, word) => mix32((hash ^ word) + lane), lane));
  // From the all-zero state the generator would only give zeros.
  const bits = createXoshiro128([a!, b!, c!, d! | 1]);
  const pair = new Float64Array(2);
  // Box-Muller. Adding 0.5 avoids the logarithm of zero.
  const normalPair = (out: Float64Array, offset: number): void => {
    const radius = Math.sqrt(-2 * Math.log((bits() + 0.5) / TWO_32));
    const angle = (2 * Math.PI * bits()) / TWO_32;
    out[offset] = radius * Math.cos(angle);
    out[offset + 1] = radius * Math.sin(angle);
  };
  return {
    uniform: (low, high) => low + ((high - low) * bits()) / TWO_32,
    normal: () => {
      normalPair(pair, 0);
      return pair[0]!;
    },
    normalPair,
  };
}
