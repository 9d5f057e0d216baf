import assert from 'node:assert/strict';

/**
 * Fails unless the bytes are the same, and says where they first differ. assert.deepEqual would, since Node 24,
 * take minutes and gigabytes to draw the difference of two large arrays.
 */
export function assertSameBytes(actual: Uint8Array, expected: Uint8Array, message = 'bytes'): void {
  assert.equal(actual.length, expected.length, `${message}: length`);
  if (Buffer.compare(actual, expected) === 0) return;
  const at = actual.findIndex((byte, i) => byte !== expected[i]);
  assert.fail(`${message}: byte ${at} is ${actual[at]}, expected ${expected[at]}`);
}
