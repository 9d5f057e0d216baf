import assert from 'node:assert/strict';
import { SAMPLE_SIZE } from '../../src/core/strain.ts';
import { encodeNpy } from '../../src/numpy/npy.ts';
import type { SampleRef } from '../../src/raw/sample-ref.ts';
import { readSamples } from '../../src/raw/samples.ts';
import type { ObjectStore } from '../../src/storage/store.ts';

/** Strain that is unique to sample, detector and time, and exact in float32: value `index` of sample `sample`. */
function marked(sample: number, index: number): number {
  return (sample + 1) * 2 ** 14 + index;
}

/** Samples `first`, `first + 1`, ... in one array. */
export function markedSamples(first: number, count = 1): Float64Array {
  return Float64Array.from({ length: count * SAMPLE_SIZE }, (_, at) =>
    marked(first + Math.floor(at / SAMPLE_SIZE), at % SAMPLE_SIZE),
  );
}

/** A .npy file of one marked sample. */
export function sampleFile(sample: number): Uint8Array {
  return encodeNpy({ dtype: '<f8', shape: [3, 4096], data: markedSamples(sample) });
}

/** A .npy file of a stack of marked samples. */
export function stackFile(first: number, count: number): Uint8Array {
  return encodeNpy({ dtype: '<f8', shape: [count, 3, 4096], data: markedSamples(first, count) });
}

/** Reads the refs and checks every value. Returns each sample's number in `marked`, or the reason for its rejection. */
export async function readMarks(
  store: ObjectStore,
  refs: readonly SampleRef[],
): Promise<[string, number | string][]> {
  const seen: [string, number | string][] = [];
  for await (const { ref, strain, reason } of readSamples(store, refs)) {
    if (strain === undefined) {
      seen.push([ref.id, reason]);
      continue;
    }
    assert.equal(strain.length, SAMPLE_SIZE);
    const sample = strain[0]! / 2 ** 14 - 1;
    const wrong = strain.findIndex((value, index) => value !== marked(sample, index));
    assert.equal(wrong, -1, `${ref.id}: value ${wrong} is ${strain[wrong]}`);
    seen.push([ref.id, sample]);
  }
  return seen;
}
