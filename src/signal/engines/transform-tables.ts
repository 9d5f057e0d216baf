import { SAMPLE_LENGTH } from '../../core/strain.ts';

/** The tables of the transform in ../kernels/transform.ts. Angles are in turns. */

/** Points of the longest complex block. */
const LONGEST = SAMPLE_LENGTH / 4;
/** Every complex block starts modulo z^n - i. */
const START = [1 / 4];

/** The angles after a division by `ways`: z^n - c becomes z^(n/ways) - r, for each r with r^ways = c. */
function divide(angles: number[], ways: number): number[] {
  return angles.flatMap((angle) => Array.from({ length: ways }, (_, k) => (angle + k) / ways));
}

/**
 * r, r^2 and r^3 (real and imaginary parts interleaved) of each block at each division by 4, in the order of the
 * divisions.
 */
export function tabulateTwiddles(): Float64Array {
  const twiddles: number[] = [];
  let angles = START;
  for (let n = LONGEST; n >= 4; n /= 4) {
    for (const angle of angles) {
      for (const power of [1, 2, 3]) {
        const radians = (Math.PI / 2) * angle * power;
        twiddles.push(Math.cos(radians), Math.sin(radians));
      }
    }
    angles = divide(angles, 4);
  }
  return Float64Array.from(twiddles);
}

/** The bins 0 ... 2048 in the order in which the divisions produce them. */
export function orderBins(): Uint16Array {
  const bins = [0, SAMPLE_LENGTH / 2];
  for (let size = 1; size <= LONGEST; size *= 2) {
    let angles = START;
    let n = size;
    for (; n >= 4; n /= 4) angles = divide(angles, 4);
    if (n === 2) angles = divide(angles, 2);
    // A bin above the middle is the conjugate of its mirror image.
    for (const angle of angles) {
      const bin = angle * SAMPLE_LENGTH;
      bins.push(Math.min(bin, SAMPLE_LENGTH - bin));
    }
  }
  return Uint16Array.from(bins);
}

/**
 * Moves one number per bin, given in the order of orderBins, to the place of the bin's value among the points: a
 * complex block of n points has its real parts at 2n ... 3n - 1.
 */
export function spreadOverPoints(values: Float64Array): Float64Array {
  const points = new Float64Array(SAMPLE_LENGTH);
  points.set(values.subarray(0, 2));
  for (let size = 1, from = 2; size <= LONGEST; from += size, size *= 2) {
    points.set(values.subarray(from, from + size), 2 * size);
  }
  return points;
}
