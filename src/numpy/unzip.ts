/**
 * Unpacks one member of a zip archive. Needs only the archive's bytes from the member's local header on. Format: PKWARE
 * APPNOTE 6.3.10.
 */
import { constants, inflateRawSync } from 'node:zlib';
import { crc32 } from '@node-rs/crc32';
import { InputError } from '../core/errors.ts';

/** A local header without its name and extra field. */
export const LOCAL_HEADER_SIZE = 30;

/** How a member is packed. */
export interface ZipPacking {
  /** Packed size [bytes]. */
  packed: number;
  /** Unpacked size [bytes]. */
  size: number;
  crc: number;
  deflated: boolean;
}

/** Offset of a member's data in `bytes`, which start at its local header. */
export function locateZipData(bytes: Uint8Array, object: string): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < LOCAL_HEADER_SIZE || view.getUint32(0, true) !== 0x04034b50) {
    throw new InputError({ object, found: 'no local header', needed: 'the local header of a zip member' });
  }
  return LOCAL_HEADER_SIZE + view.getUint16(26, true) + view.getUint16(28, true);
}

/**
 * A member's content. Checks its length and CRC-32, and never unpacks more than `size` bytes. Throws InputError.
 *
 * `bytes` start at the local header. The content of a stored member is a view of them.
 */
export function unpackZipMember(
  bytes: Uint8Array,
  { packed, size, crc, deflated }: ZipPacking,
  object: string,
): Uint8Array {
  const start = locateZipData(bytes, object);
  const data = bytes.subarray(start, start + packed);
  if (data.length < packed) {
    throw new InputError({ object, found: `${data.length} packed bytes`, needed: `${packed}` });
  }
  const content = deflated ? inflate(data, size, object) : data;
  if (content.length !== size) {
    throw new InputError({
      object,
      found: `${content.length} bytes unpacked`,
      needed: `${size} as the archive says`,
    });
  }
  const actual = crc32(content);
  if (actual !== crc) {
    const hex = (value: number) => value.toString(16).padStart(8, '0');
    throw new InputError({
      object,
      found: `CRC-32 ${hex(actual)}`,
      needed: `${hex(crc)} as the archive says`,
    });
  }
  return content;
}

function inflate(data: Uint8Array, size: number, object: string): Uint8Array {
  // A chunk that holds everything: zlib would join smaller ones, which takes twice the memory.
  return explainFault(object, size, () =>
    inflateRawSync(data, { maxOutputLength: Math.max(size, 1), chunkSize: Math.max(size + 1, 64) }),
  );
}

/** Bytes to read from a member's local header on. NumPy's headers take 128 bytes, after a few dozen of the zip format. */
export const MEMBER_START = 1 << 13;

/**
 * The start of a member's content, and more, from its first MEMBER_START bytes. At most 8 MiB, since deflate expands at most
 * about 1000:1. Throws InputError.
 */
export function unpackStart(bytes: Uint8Array, deflated: boolean, object: string): Uint8Array {
  const data = bytes.subarray(locateZipData(bytes, object));
  if (!deflated) return data;
  return explainFault(object, 0, () => inflateRawSync(data, { finishFlush: constants.Z_SYNC_FLUSH }));
}

/** Throws InputError for an error of zlib about the data. */
function explainFault<T>(object: string, size: number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    const large = code === 'ERR_BUFFER_TOO_LARGE';
    if (!large && !code.startsWith('Z_')) throw error;
    const found = large ? `more than ${size} bytes unpacked` : `broken deflate data (${message})`;
    const needed = large ? `${size} as the archive says` : 'valid data';
    throw new InputError({ object, found, needed }, { cause: error });
  }
}
