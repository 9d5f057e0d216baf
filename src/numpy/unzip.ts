/**
 * Unpacks one member of a zip archive. Needs only the archive's bytes from the member's local header on. Format: PKWARE
 * APPNOTE 6.3.10.
 */
import { inflateRawSync } from 'node:zlib';
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
  try {
    return inflateRawSync(data, { maxOutputLength: Math.max(size, 1) });
  } catch (error) {
    throw inflateFault(error, size, object);
  }
}

/** An InputError for an error of zlib about the data. Any other error is returned unchanged. */
export function inflateFault(error: unknown, size: number, object: string): unknown {
  const { code = '', message } = error as NodeJS.ErrnoException;
  if (code === 'ERR_BUFFER_TOO_LARGE') return oversize(size, object);
  if (!code.startsWith('Z_')) return error;
  return new InputError(
    { object, found: `broken deflate data (${message})`, needed: 'valid data' },
    { cause: error },
  );
}

/** For a member that continues beyond the size stated in the archive. */
export function oversize(size: number, object: string): InputError {
  return new InputError({
    object,
    found: `more than ${size} bytes unpacked`,
    needed: `${size} as the archive says`,
  });
}
