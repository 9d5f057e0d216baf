/**
 * Which samples a plan holds, with which label and from which version of which object, small enough to be looked at for
 * every sample that comes later: 16 bytes each (9 MB for 560,000), big endian, in ascending order of their first 32 bits:
 * the first 63 bits of the id's SHA-256 and the label as the 64th, then the CRC-32 of the object's key and of its etag. Two
 * ids among a million share their 63 bits with a probability of 5e-8.
 */
import { crc32 } from '@node-rs/crc32';
import { InputError } from '../errors.ts';
import type { ObjectStore } from '../storage/store.ts';
import type { LabelledRef } from './chunks.ts';
import { sha256 } from './digest.ts';

const ENTRY_SIZE = 16;
/** So that a sort key of 32 bits of the hash and the position fits into a float64. */
const POSITIONS = 2 ** 21;

export interface IndexEntry {
  label: 0 | 1;
  /** CRC-32 of the object's key. */
  key: number;
  /** CRC-32 of its etag. */
  etag: number;
}

export interface SampleIndex {
  find(id: string): IndexEntry | undefined;
}

/** @param etags of the samples' objects, by key. */
export function encodeIndex(samples: readonly LabelledRef[], etags: ReadonlyMap<string, string>): Uint8Array {
  if (samples.length > POSITIONS) {
    throw new InputError({
      object: 'the plan',
      found: `${samples.length} samples`,
      needed: `at most ${POSITIONS}: split the dataset`,
    });
  }
  const hashes = Buffer.alloc(samples.length * 8);
  for (const [position, { ref }] of samples.entries()) sha256(ref.id).copy(hashes, position * 8, 0, 8);
  const order = Float64Array.from(
    samples,
    (_, position) => hashes.readUInt32BE(position * 8) * POSITIONS + position,
  ).sort();
  const bytes = Buffer.alloc(samples.length * ENTRY_SIZE);
  for (const [entry, rank] of order.entries()) {
    const position = rank % POSITIONS;
    const { label, ref } = samples[position]!;
    const at = entry * ENTRY_SIZE;
    hashes.copy(bytes, at, position * 8, position * 8 + 8);
    bytes[at + 7] = (bytes[at + 7]! & ~1) | label;
    bytes.writeUInt32BE(checksum(ref.key), at + 8);
    bytes.writeUInt32BE(checksum(etags.get(ref.key) ?? ''), at + 12);
  }
  return bytes;
}

/** By which an entry tells a key or an etag. */
export function checksum(text: string): number {
  return crc32(Buffer.from(text));
}

/** Throws NotFoundError when there is no such index, InputError when it is broken. */
export async function readIndex(records: ObjectStore, key: string): Promise<SampleIndex> {
  const bytes = Buffer.from(await records.read(key));
  if (bytes.length % ENTRY_SIZE !== 0) {
    throw new InputError({
      object: `${records.location}${key}`,
      found: `${bytes.length} bytes`,
      needed: `a multiple of ${ENTRY_SIZE}`,
    });
  }
  const count = bytes.length / ENTRY_SIZE;
  const headOf = (entry: number) => bytes.readUInt32BE(entry * ENTRY_SIZE);
  return {
    find(id) {
      const hash = sha256(id);
      const head = hash.readUInt32BE();
      let low = 0;
      let high = count;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (headOf(middle) < head) low = middle + 1;
        else high = middle;
      }
      for (; low < count && headOf(low) === head; low += 1) {
        const at = low * ENTRY_SIZE;
        const same = hash.compare(bytes, at, at + 7, 0, 7) === 0 && (bytes[at + 7]! ^ hash[7]!) < 2;
        if (!same) continue;
        return {
          label: bytes[at + 7]! & 1 ? 1 : 0,
          key: bytes.readUInt32BE(at + 8),
          etag: bytes.readUInt32BE(at + 12),
        };
      }
      return undefined;
    },
  };
}
