/**
 * The content of one member of a zip archive, from the archive's bytes at its local header: a caller may hold only
 * these. Format: PKWARE APPNOTE 6.3.10.
 */
import { inflateRawSync } from 'node:zlib';
import { crc32 } from '@node-rs/crc32';
import { InputError } from '../core/errors.ts';

/** A local header without its name and extra field. */
export const LOCAL_HEADER_SIZE = 30;

/** What a member's bytes are, apart from where they are. */
export interface ZipPacking {
  /** Bytes in the archive. */
  packed: number;
  /** Bytes of the member itself. */
  size: number;
  crc: number;
  deflated: boolean;
}

/** Where a member's data start, from its local header: `bytes` are the archive's from there on. */
export function locateZipData(bytes: Uint8Array, object: string): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < LOCAL_HEADER_SIZE || view.getUint32(0, true) !== 0x04034b50) {
    throw new InputError({ object, found: 'no local header', needed: 'the start of a zip member' });
  }
  return LOCAL_HEADER_SIZE + view.getUint16(26, true) + view.getUint16(28, true);
}

/**
 * A member's content, its length and CRC-32 checked; never more than `size` bytes are made.
 *
 * `bytes` are the archive's from the local header on. Stored members are a view of them.
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

/** zlib's complaint about the data as an InputError; any other error stays what it is. */
export function inflateFault(error: unknown, size: number, object: string): unknown {
  const { code = '', message } = error as NodeJS.ErrnoException;
  if (code === 'ERR_BUFFER_TOO_LARGE') return oversize(size, object);
  if (!code.startsWith('Z_')) return error;
  return new InputError(
    { object, found: `broken deflate data (${message})`, needed: 'sound data' },
    { cause: error },
  );
}

/** The member goes on after the size that the archive says it has. */
export function oversize(size: number, object: string): InputError {
  return new InputError({
    object,
    found: `more than ${size} bytes unpacked`,
    needed: `${size} as the archive says`,
  });
}
