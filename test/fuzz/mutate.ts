/** Changes a file like damage or an attacker would. The changes depend only on the random stream. */
import type { RandomStream } from '../../src/core/random.ts';

/** Words with a meaning for text parsers. */
const WORDS = [
  '__proto__', 'constructor', 'NaN', '-1', '1e999', '-0', '0', '99999999999999999999', '2147483648', '4294967296',
  '9007199254740993', 'null', 'true', '[]', '{}', '""', '\u0000', '\ufeff', '\n', '\r', ',', ';', '"', "'", '(', ')',
  '../', '=cmd()', 'é', '\u202e', '\u001b[2J', ': ', '- ', '&x ', '*x', '!!js/function ', '!!binary ', '<<: ', '#', '1_000',
  '0o7', '%', '%zz', '\t', 'True', '(0,)', '(3, 4096)', '(1000000000, 3, 4096)', "'|O'", "'>f8'", "'<f2'", "'<U9999999'",
  '"shards": [', '['.repeat(2000), '{"a":'.repeat(2000),
].map((word) => Buffer.from(word)); // biome-ignore format: a list of words
const BYTES = [0, 1, 10, 32, 39, 44, 127, 128, 254, 255];
const WORDS_32 = [0, 1, -1, 2 ** 31 - 1, -(2 ** 31), 65_535, 1 << 24];
const WORDS_64 = [0n, 1n, 2n ** 64n - 1n, 2n ** 63n - 1n, 2n ** 32n, 2n ** 40n, 2n ** 53n + 1n];
/** Headers and directories are at the start or the end of a file, within this distance. */
const EDGE = 300;

/** Makes one to six changes, which may cancel out. */
export function mutate(seed: Uint8Array, random: RandomStream, text: boolean): Uint8Array {
  const draw = (below: number) => Math.floor(random.uniform(0, below));
  const pick = <T>(list: readonly T[]): T => list[draw(list.length)]!;

  function place(bytes: Buffer): number {
    const { length } = bytes;
    const where = draw(5);
    if (where === 0) return draw(Math.min(length, EDGE));
    if (where === 1) return length - 1 - draw(Math.min(length, EDGE));
    const at = draw(length);
    if (where === 2) return at;
    // Seeds have long runs of zeros, where a change means little: choose a place shortly after the run.
    const next = bytes.subarray(at).findIndex((byte) => byte !== 0);
    return next < 0 ? at : Math.min(length - 1, at + next + draw(160));
  }

  const changes: ((bytes: Buffer, at: number) => Buffer)[] = [
    (bytes, at) => flip(bytes, at, draw(8)),
    (bytes, at) => put(bytes, at, Buffer.of(pick(BYTES))),
    (bytes, at) => bytes.subarray(0, at),
    (bytes, at) => splice(bytes, at, draw(64), Buffer.alloc(0)),
    // Duplicates a piece.
    (bytes, at) => splice(bytes, at, 0, bytes.subarray(at, at + draw(EDGE))),
    (bytes, at) => {
      const value = Buffer.alloc(4);
      value.writeInt32LE(pick(WORDS_32));
      return put(bytes, at, value);
    },
  ];
  const binary: typeof changes = [
    (bytes, at) => {
      const value = Buffer.alloc(8);
      value.writeBigUInt64LE(pick(WORDS_64));
      return put(bytes, at, value);
    },
    // Copies a piece to another place.
    (bytes, at) => put(bytes, at, bytes.subarray(draw(bytes.length)).subarray(0, draw(EDGE))),
  ];
  const words: typeof changes = [1, 2, 3].map(
    () => (bytes, at) => splice(bytes, at, pick([0, 0, draw(12)]), pick(WORDS)),
  );
  const kinds = [...changes, ...(text ? words : binary)];

  let bytes: Buffer = Buffer.from(seed);
  // Half of the files have a single change: of several, a parser only notices the first.
  for (let left = draw(2) === 0 ? 1 : 1 + draw(6); left > 0 && bytes.length > 0; left--)
    bytes = pick(kinds)(bytes, place(bytes));
  return new Uint8Array(bytes);
}

function flip(bytes: Buffer, at: number, bit: number): Buffer {
  bytes[at]! ^= 1 << bit;
  return bytes;
}

function put(bytes: Buffer, at: number, value: Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, at), value, bytes.subarray(at + value.length)]).subarray(
    0,
    bytes.length,
  );
}

function splice(bytes: Buffer, at: number, length: number, inserted: Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at + length)]);
}
