/**
 * The samples of a plan: the label, the object and the object version of each. The index is small enough to be searched for every
 * sample that arrives later: 16 bytes per sample (9 MB for 560,000), big endian. An entry is the first 63 bits of the id's
 * SHA-256, the label as the 64th bit, and the CRC-32 of the object's key and of its etag.
 */
import { crc32 } from '@node-rs/crc32';
import { InputError } from '../../core/errors.ts';
import { sha256 } from '../../core/sha256.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { indexKey } from '../state/record-keys.ts';
import type { LabelledRef } from './chunks.ts';

const ENTRY_SIZE = 16;

export interface SampleIndex {
  /** The sample's label, and whether it is from the object with this key, in the version with this etag if one is given. */
  find(id: string): { label: 0 | 1; isFrom(key: string, etag?: string): boolean } | undefined;
}

export function encodeIndex(samples: readonly LabelledRef[]): Uint8Array {
  const bytes = Buffer.alloc(samples.length * ENTRY_SIZE);
  for (const [position, { label, ref }] of samples.entries()) {
    const at = position * ENTRY_SIZE;
    sha256(ref.id).copy(bytes, at, 0, 8);
    bytes[at + 7] = (bytes[at + 7]! & ~1) | label;
    bytes.writeUInt32BE(checksum(ref.key), at + 8);
    bytes.writeUInt32BE(checksum(ref.etag ?? ''), at + 12);
  }
  return bytes;
}

/** The index of a plan. Throws NotFoundError when it doesn't exist, InputError when it is broken. */
export async function readIndex(records: ObjectStore, plan: string): Promise<SampleIndex> {
  const key = indexKey(plan);
  const bytes = Buffer.from(await records.read(key));
  if (bytes.length % ENTRY_SIZE !== 0) {
    const [found, needed] = [`${bytes.length} bytes`, `a multiple of ${ENTRY_SIZE}`];
    const advice = 'Restore the file, or remove the records and run again';
    throw new InputError({ object: `${records.location}${key}`, found, needed, advice });
  }
  const places = new Map<bigint, number>();
  for (let at = 0; at < bytes.length; at += ENTRY_SIZE) places.set(bytes.readBigUInt64BE(at) >> 1n, at);
  return {
    find(id) {
      const at = places.get(sha256(id).readBigUInt64BE() >> 1n);
      if (at === undefined) return undefined;
      const isAt = (position: number, text: string) => bytes.readUInt32BE(position) === checksum(text);
      return {
        label: bytes[at + 7]! & 1 ? 1 : 0,
        isFrom: (key, etag) => isAt(at + 8, key) && (etag === undefined || isAt(at + 12, etag)),
      };
    },
  };
}

function checksum(text: string): number {
  return crc32(Buffer.from(text));
}
