import assert from 'node:assert/strict';

/**
 * Fails unless the bytes are the same, and reports where they first differ. Since Node 24, assert.deepEqual takes minutes and
 * gigabytes to print the difference of two large arrays.
 */
export function assertSameBytes(actual: Uint8Array, expected: Uint8Array, message = 'bytes'): void {
  assert.equal(actual.length, expected.length, `${message}: length`);
  if (Buffer.compare(actual, expected) === 0) return;
  const at = actual.findIndex((byte, i) => byte !== expected[i]);
  assert.fail(`${message}: byte ${at} is ${actual[at]}, expected ${expected[at]}`);
}
