import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { crc32c as libraryCrc32c } from '@node-rs/crc32';
import { loadAddon } from '../../src/native/load-native.ts';
import { crc32c } from '../../src/records/crc.ts';

test('the CRC equals the examples of RFC 3720', () => {
  const examples: [Uint8Array, number][] = [
    [new Uint8Array(32), 0x8a9136aa],
    [new Uint8Array(32).fill(255), 0x62a8ab43],
    [Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    [Buffer.from('123456789'), 0xe3069283],
    [new Uint8Array(0), 0],
  ];
  for (const [bytes, expected] of examples) {
    assert.equal(crc32c(bytes), expected);
    assert.equal(libraryCrc32c(bytes), expected);
  }
});

/** Whether the CPU has the instructions of the machine code. Without them the addon must offer no CRC. */
const isAble = ['sse4_2', 'pclmulqdq'].every((flag) =>
  readFileSync('/proc/cpuinfo', 'utf8').includes(` ${flag} `),
);

test('machine code is used exactly if the CPU has the instructions', () => {
  assert.equal(loadAddon().addon?.crc32c !== undefined, isAble);
});

test('machine code and the library give the same CRC at every length and offset', { skip: !isAble }, () => {
  const { crc32c: native } = loadAddon().addon!;
  const bytes = Uint8Array.from({ length: 60_000 }, (_, i) => (i * 2654435761) >>> 13);
  const lengths = [...Array(1700).keys(), 24_575, 24_576, 24_577, 24_640, 49_151, 49_152, 49_153, 59_990];
  for (const length of lengths) {
    for (const start of [0, 1, 7]) {
      const part = bytes.subarray(start, start + length);
      assert.equal(native!(part), libraryCrc32c(part), `${length} from ${start}`);
    }
  }
  assert.throws(() => native!(new Float64Array(2) as unknown as Uint8Array), TypeError);
});
