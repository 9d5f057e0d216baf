import { InputError } from '../core/errors.ts';
import type { ByteRange } from './store.ts';

/** S3's limit [bytes of UTF-8]. All stores enforce it, so a dataset that works in a folder also works in a bucket. */
export const KEY_LIMIT = 1024;

const KEY_RULE = 'a relative key such as train/0/1/2/0123456789.npy';

/** Most bytes that one read() returns; larger objects must be streamed. */
export const READ_LIMIT = 2 ** 31 - 1;

/**
 * Throws InputError unless the key is valid: at most 1024 bytes, well-formed Unicode without NUL, and made of parts
 * joined by `/`, none of them empty, `.` or `..`. A valid key never leaves the store's location.
 */
export function checkKey(key: string): void {
  const found = keyFault(key);
  if (found !== undefined) refuse(key, found);
}

/** Like checkKey, for a key prefix, which may be empty and may end anywhere in a key. */
export function checkPrefix(prefix: string): void {
  const found = prefixFault(prefix);
  if (found !== undefined) refuse(prefix, found);
}

/** Why no valid key can start with the text; undefined when one can. */
export function prefixFault(prefix: string): string | undefined {
  // The x completes the last part: an empty part, `.` or `..` at the end may be the start of a valid name.
  return prefix === '' ? undefined : keyFault(`${prefix}x`);
}

/** The fault of an invalid key, as a listing reports it. */
export function describeKeyFault(found: string): string {
  return `found a key with ${found}, needed ${KEY_RULE}`;
}

function refuse(key: string, found: string): never {
  throw new InputError({
    object: `key ${JSON.stringify(key.length > 200 ? `${key.slice(0, 200)}...` : key)}`,
    found,
    needed: KEY_RULE,
  });
}

/** Why the key is invalid; undefined when it is valid. */
export function keyFault(key: string): string | undefined {
  if (key.includes('\0')) return 'a NUL character';
  if (/\p{Surrogate}/u.test(key)) return 'half of a surrogate pair';
  const length = Buffer.byteLength(key);
  if (length > KEY_LIMIT) return `${length} bytes, more than ${KEY_LIMIT}`;
  const part = key.split('/').find((name) => name === '' || name === '.' || name === '..');
  if (part !== undefined) return part === '' ? 'an empty part' : `the part "${part}"`;
  return undefined;
}

/**
 * Compares two well-formed strings by their UTF-8 bytes, the order in which S3 lists keys. JavaScript compares UTF-16
 * units, where U+10000 and above (surrogates D800-DFFF) come before U+E000-U+FFFF.
 */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return x >= 0xd800 && y >= 0xd800 ? surrogatesLast(x) - surrogatesLast(y) : x - y;
  }
  return a.length - b.length;
}

function surrogatesLast(unit: number): number {
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** The part of the range that is within an object of this size. */
export function clipRange(size: number, range: ByteRange | undefined): ByteRange {
  const offset = Math.min(range?.offset ?? 0, size);
  return { offset, length: Math.min(range?.length ?? size, size - offset) };
}

/** Throws InputError when `length` exceeds READ_LIMIT. */
export function checkReadLength(object: string, length: number): void {
  if (length > READ_LIMIT) {
    throw new InputError({
      object,
      found: `${length} bytes`,
      needed: `at most ${READ_LIMIT} bytes in one read`,
    });
  }
}

/** Throws RangeError (a bug of the caller) unless offset and length are non-negative integers. */
export function checkRange(range: ByteRange | undefined): void {
  if (range === undefined) return;
  for (const value of [range.offset, range.length, range.offset + range.length]) {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new RangeError(`byte range ${range.offset}+${range.length}`);
    }
  }
}
