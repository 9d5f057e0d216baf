import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as native from '@node-rs/crc32';
import { crc32, crc32c } from '../../src/records/crc-javascript.ts';

test('the checksums of "123456789" equal the published ones', () => {
  const bytes = new TextEncoder().encode('123456789');
  assert.equal(crc32(bytes), 0xcbf43926);
  // RFC 3720, B.4
  assert.equal(crc32c(bytes), 0xe3069283);
});

test('the checksums in TypeScript equal those of the binary that they replace, at every length and offset', () => {
  const bytes = Uint8Array.from({ length: 300 }, (_, i) => (i * 89 + (i >> 3)) & 0xff);
  for (let start = 0; start < 9; start += 1) {
    for (let end = start; end < bytes.length; end += 7) {
      const part = bytes.subarray(start, end);
      assert.equal(crc32(part), native.crc32(part), `CRC-32 of ${start} to ${end}`);
      assert.equal(crc32c(part), native.crc32c(part), `CRC-32C of ${start} to ${end}`);
    }
  }
  const rest = bytes.subarray(100);
  assert.equal(crc32(rest, crc32(bytes.subarray(0, 100))), native.crc32(bytes));
  assert.notEqual(crc32c(bytes), crc32c(bytes.slice(1)));
});
