/**
 * Which samples a plan holds, and with which label, small enough to be looked at for every sample that comes later:
 * 8 bytes each (4.5 MB for 560,000), the first 63 bits of the id's SHA-256 and the label as the last, in ascending
 * order. Two ids among a million share their 63 bits with a probability of 5e-8.
 */
import { endianness } from 'node:os';
import { InputError } from '../errors.ts';
import type { ObjectStore } from '../storage/store.ts';
import { sha256 } from './digest.ts';
import { MEMBERS_KEY } from './work.ts';

const ENTRY_SIZE = 8;
const LITTLE_ENDIAN = endianness() === 'LE';

export interface Members {
  /** The label that the plan has for a sample; undefined when it doesn't hold the sample. */
  label(id: string): 0 | 1 | undefined;
}

/** A sample as the members hold it. */
export interface Member {
  id: string;
  label: 0 | 1;
}

export function encodeMembers(samples: readonly Member[]): Uint8Array {
  const bytes = Buffer.alloc(samples.length * ENTRY_SIZE);
  for (const [index, { id, label }] of samples.entries()) {
    const end = index * ENTRY_SIZE + ENTRY_SIZE - 1;
    sha256(id).copy(bytes, index * ENTRY_SIZE, 0, ENTRY_SIZE);
    bytes[end] = (bytes[end]! & ~1) | label;
  }
  // Sorted as numbers of this machine, stored with the first byte first.
  if (LITTLE_ENDIAN) bytes.swap64();
  new BigUint64Array(bytes.buffer, bytes.byteOffset, samples.length).sort();
  if (LITTLE_ENDIAN) bytes.swap64();
  return bytes;
}

/** Members as a thread sends them to another. */
export interface PackedMembers {
  /** With zero bytes between, which no id holds. */
  ids: string;
  labels: Uint8Array;
}

export function packMembers(members: readonly Member[]): PackedMembers {
  return {
    ids: members.map(({ id }) => id).join('\0'),
    labels: Uint8Array.from(members, ({ label }) => label),
  };
}

export function unpackMembers({ ids, labels }: PackedMembers): Member[] {
  return ids.split('\0').map((id, index) => ({ id, label: labels[index] === 1 ? 1 : 0 }));
}

/** Throws NotFoundError when the place holds no plan, or one of an earlier version. */
export async function readMembers(records: ObjectStore): Promise<Members> {
  const bytes = Buffer.from(await records.read(MEMBERS_KEY));
  if (bytes.length % ENTRY_SIZE !== 0) {
    throw new InputError({
      object: `${records.location}${MEMBERS_KEY}`,
      found: `${bytes.length} bytes`,
      needed: `a multiple of ${ENTRY_SIZE}`,
    });
  }
  return {
    label(id) {
      const wanted = hashId(id);
      let low = 0;
      let high = bytes.length / ENTRY_SIZE;
      while (low < high) {
        const middle = (low + high) >>> 1;
        const entry = bytes.readBigUInt64BE(middle * ENTRY_SIZE);
        if (entry >> 1n === wanted >> 1n) return (entry & 1n) === 1n ? 1 : 0;
        if (entry < wanted) low = middle + 1;
        else high = middle;
      }
      return undefined;
    },
  };
}

/** The last bit is 0. */
function hashId(id: string): bigint {
  return (sha256(id).readBigUInt64BE() >> 1n) << 1n;
}
