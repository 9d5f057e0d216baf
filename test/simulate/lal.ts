import { readFileSync } from 'node:fs';
import { readNpz } from '../../src/numpy/npz.ts';
import { fixture } from '../support/fixtures.ts';

const arrays = await readNpz(readFileSync(fixture('lal-check.npz')), 'lal-check.npz');

/** An array of lal-check.npz, which LALSuite made (make_lal_check.py says how), as rows of the given length. */
export function lalRows(name: string, length: number): number[][] {
  const data = arrays.get(name)?.data;
  if (!(data instanceof Float64Array)) throw new Error(`lal-check.npz holds no float64 array ${name}`);
  return Array.from({ length: data.length / length }, (_, i) => [
    ...data.subarray(i * length, (i + 1) * length),
  ]);
}

/** The same as one row. */
export function lalValues(name: string): number[] {
  return lalRows(name, 1).flat();
}
