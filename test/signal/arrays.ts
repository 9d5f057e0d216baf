import { readFile } from 'node:fs/promises';
import { readNpz } from '../../src/numpy/npz.ts';

/** The float64 arrays of an .npz file, and its float32 arrays as float64. */
export async function readArrays(path: string): Promise<(name: string) => Float64Array> {
  const arrays = await readNpz(await readFile(path), path);
  return (name) => {
    const array = arrays.get(name);
    if (array?.dtype !== '<f8' && array?.dtype !== '<f4') throw new Error(`${path}: no floats named ${name}`);
    return Float64Array.from(array.data);
  };
}

/** Largest |actual - expected|, divided by `scale`: by default the largest |expected|. NaN when one is NaN. */
export function difference(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  scale = largest(expected),
): number {
  if (actual.length !== expected.length) return Number.NaN;
  return largest(Array.from(expected, (value, i) => actual[i]! - value)) / scale;
}

/** Largest |actual / expected - 1|. NaN when one is NaN. */
export function relativeDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.NaN;
  return largest(Array.from(expected, (value, i) => (actual[i]! - value) / value));
}

function largest(values: ArrayLike<number>): number {
  return Array.from(values).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}
