import assert from 'node:assert/strict';
import test from 'node:test';
import { correlatePairs, crossCorrelation } from '../../src/artifacts/charts/correlation.ts';
import { SAMPLE_LENGTH, SAMPLE_RATE, SAMPLE_SIZE } from '../../src/core/strain.ts';
import { runPython } from '../support/python.ts';
import { normal } from './made-up.ts';

const NUMPY = `
import json, sys
import numpy as np
a, b, reach = json.loads(sys.argv[1])
full = np.correlate(b, a, 'full') / np.sqrt(np.dot(a, a) * np.dot(b, b))
middle = len(a) - 1
print(json.dumps(full[middle - reach : middle + reach + 1].tolist()))
`;

function noise(seed: number, length: number): Float64Array {
  const next = normal(seed);
  return Float64Array.from({ length }, () => next());
}

function distance(a: Float64Array, b: readonly number[]): number {
  assert.equal(a.length, b.length);
  return Math.max(...a.map((value, i) => Math.abs(value - b[i]!)));
}

test('cross-correlations agree with NumPy, and wrong ones would be noticed', () => {
  const a = noise(1, 300);
  const b = noise(2, 300);
  const expected: number[] = JSON.parse(runPython(NUMPY, JSON.stringify([[...a], [...b], 40])));
  assert.ok(distance(crossCorrelation(a, b, 40), expected) < 1e-14);
  assert.ok(distance(crossCorrelation(b, a, 40), expected) > 0.01);
});

test('a wave that reaches L1 7 ms and V1 15 ms after H1 gives peaks at these lags, inside the windows', () => {
  const later = [0, Math.round(0.007 * SAMPLE_RATE), Math.round(0.015 * SAMPLE_RATE)];
  const wave = noise(3, 200);
  const strain = new Float32Array(SAMPLE_SIZE);
  const background = normal(4);
  later.forEach((shift, d) => {
    const own = strain.subarray(d * SAMPLE_LENGTH, (d + 1) * SAMPLE_LENGTH);
    own.forEach((_, i) => {
      own[i] = 0.1 * background() + (wave[i - 2000 - shift] ?? 0);
    });
  });
  const peaks = correlatePairs(strain).map(({ pair, lagsMs, values, windowMs }) => {
    assert.equal(lagsMs.length, 205);
    const peak = lagsMs[values.indexOf(Math.max(...values))]!;
    assert.ok(Math.abs(peak) < windowMs);
    return [pair, Math.round(peak), windowMs];
  });
  assert.deepEqual(peaks, [
    ['H1-L1', 7, 10],
    ['H1-V1', 15, 27],
    ['L1-V1', 8, 26],
  ]);
});

test('the correlation with a detector of zeros is 0', () => {
  assert.deepEqual([...crossCorrelation(new Float64Array(50), noise(1, 50), 2)], [0, 0, 0, 0, 0]);
});

test('strain of another shape is refused', () => {
  assert.throws(() => correlatePairs(new Float64Array(100)), RangeError);
});
