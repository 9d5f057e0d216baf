import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { decodeFloat16, encodeFloat16 } from '../../src/core/float16.ts';
import { scratch } from '../support/fixtures.ts';
import { runPython } from '../support/python.ts';

const ALL_HALVES = Uint16Array.from({ length: 0x10000 }, (_, i) => i);
const bytesOf = (array: Uint16Array | Uint32Array | Float32Array) =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

function encode(values: Float32Array): Uint16Array {
  const out = new Uint8Array(values.length * 2);
  encodeFloat16(values, out, 0);
  return new Uint16Array(out.buffer);
}

function decode(halves: Uint16Array): Float32Array {
  const out = new Float32Array(halves.length);
  decodeFloat16(bytesOf(halves), out);
  return out;
}

/** Bit patterns of float32: seeded random ones, and the neighbours of every rounding boundary. */
function testedFloats(): Float32Array {
  const bits: number[] = [];
  let state = 1;
  for (let i = 0; i < 500_000; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bits.push(state);
    // The same number, mapped into the range of halves and their subnormals.
    bits.push(((state & 0x80000000) | (0x32000000 + (state % 0x16000000))) >>> 0);
  }
  for (const half of ALL_HALVES) {
    const sign = (half & 0x8000) << 16;
    for (const middle of [0, 0x1000]) {
      const exponent = (half >>> 10) & 31;
      const magnitude =
        exponent === 31 ? 0x7f800000 : ((exponent + 112) << 23) + ((half & 0x3ff) << 13) + middle;
      for (const nudge of [-1, 0, 1]) bits.push((sign | (magnitude + nudge)) >>> 0);
    }
  }
  for (let k = 0; k < 1025; k++) {
    // Midpoints between subnormal halves, and their neighbours.
    const value = new Uint32Array(Float32Array.of((k + 0.5) * 2 ** -24).buffer)[0]!;
    bits.push(value, value - 1, value + 1);
  }
  return new Float32Array(Uint32Array.from(bits).buffer);
}

const NUMPY = `
import sys, numpy as np
folder = sys.argv[1]
np.seterr(all='ignore')
np.fromfile(folder + '/floats', '<f4').astype('<f2').tofile(folder + '/halves')
np.arange(65536, dtype='<u2').view('<f2').astype('<f4').tofile(folder + '/all')
`;

/** Number of different halves. NaNs of one sign count as equal: how NumPy keeps their fraction depends on the CPU. */
function countDifferences(a: Uint16Array, b: Uint16Array): number {
  const canonical = (half: number) => ((half & 0x7fff) > 0x7c00 ? (half & 0x8000) | 0x7e00 : half);
  return a.reduce((count, half, i) => count + (canonical(half) === canonical(b[i]!) ? 0 : 1), 0);
}

test('halves are rounded and widened as by NumPy, subnormals and overflow included', (t) => {
  const folder = scratch(t);
  const floats = testedFloats();
  writeFileSync(join(folder, 'floats'), bytesOf(floats));
  runPython(NUMPY, folder);

  const expected = new Uint16Array(new Uint8Array(readFileSync(join(folder, 'halves'))).buffer);
  const ours = encode(floats);
  assert.equal(ours.length, expected.length);
  assert.equal(countDifferences(ours, expected), 0);

  const wide = new Float32Array(new Uint8Array(readFileSync(join(folder, 'all'))).buffer);
  assert.equal(wide.length, 0x10000);
  assert.ok(decode(ALL_HALVES).every((value, i) => Object.is(value, wide[i])));

  // Prove that the comparison can fail.
  const wrong = expected.slice();
  wrong[123_456]! ^= 1;
  assert.equal(countDifferences(ours, wrong), 1);
});

test('every half survives conversion to float32 and back', () => {
  assert.equal(countDifferences(encode(decode(ALL_HALVES)), ALL_HALVES), 0);
});

test('ties go to the even neighbour, and 65520 and above to infinity', () => {
  const values = Float32Array.of(
    1 + 2 ** -11,
    1 + 3 * 2 ** -11,
    65519.996,
    65520,
    -1e30,
    2 ** -25,
    2 ** -25 * 1.001,
    -0,
  );
  assert.deepEqual([...encode(values)], [0x3c00, 0x3c02, 0x7bff, 0x7c00, 0xfc00, 0, 1, 0x8000]);
});

test('halves may start at an odd byte, and floats anywhere in their buffer', () => {
  const out = new Uint8Array(7).fill(0xaa);
  encodeFloat16(Float32Array.of(9, 1, -2).subarray(1), out, 1);
  assert.deepEqual([...out], [0xaa, 0x00, 0x3c, 0x00, 0xc0, 0xaa, 0xaa]);
  const back = new Float32Array(2);
  decodeFloat16(out.subarray(1, 5), back);
  assert.deepEqual([...back], [1, -2]);
});
