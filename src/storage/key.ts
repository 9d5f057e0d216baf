import { InputError } from '../core/errors.ts';
import type { ByteRange } from './store.ts';

/** S3's limit [bytes of UTF-8]; the other stores keep it, so that what works on a laptop works in a bucket. */
export const KEY_LIMIT = 1024;

const KEY_RULE = 'a relative key such as train/0/1/2/0123456789.npy';

/** Most bytes that one read() returns; what is larger is streamed. */
export const READ_LIMIT = 2 ** 31 - 1;

/**
 * Throws InputError unless the key is relative, made of non-empty parts other than `.` and `..` that `/` joins, of
 * whole Unicode characters without NUL, and at most 1024 bytes: no such key leaves the store's location.
 */
export function checkKey(key: string): void {
  const found = keyFault(key);
  if (found !== undefined) refuse(key, found);
}

/** Like checkKey for the start of keys: may be empty, and may end anywhere in a key. */
export function checkPrefix(prefix: string): void {
  // A last part that is empty, `.` or `..` may be the start of a good name.
  const found = prefixFault(prefix);
  if (found !== undefined) refuse(prefix, found);
}

/** Why no key can start with the text; undefined when keys can. */
export function prefixFault(prefix: string): string | undefined {
  return prefix === '' ? undefined : keyFault(`${prefix}x`);
}

/** What a listing says of a key that is none. */
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

/** Why the text is no key; undefined when it is one. */
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
 * Order of the UTF-8 bytes of two well-formed strings, as S3 lists keys. JavaScript's own order is that of UTF-16
 * units, where U+10000 and above (surrogates D800-DFFF) stand before U+E000-U+FFFF.
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

/** The part of the range that lies within an object of that size. */
export function clipRange(size: number, range: ByteRange | undefined): ByteRange {
  const offset = Math.min(range?.offset ?? 0, size);
  return { offset, length: Math.min(range?.length ?? size, size - offset) };
}

/** Throws InputError when that many bytes can't be returned in one piece. */
export function checkReadLength(object: string, length: number): void {
  if (length > READ_LIMIT) {
    throw new InputError({
      object,
      found: `${length} bytes`,
      needed: `at most ${READ_LIMIT} bytes in one read`,
    });
  }
}

/** Throws RangeError (a bug of the caller) unless the range is of whole, non-negative numbers. */
export function checkRange(range: ByteRange | undefined): void {
  if (range === undefined) return;
  for (const value of [range.offset, range.length, range.offset + range.length]) {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new RangeError(`byte range ${range.offset}+${range.length}`);
    }
  }
}

/** The index in a key that ends in one. */
export function indexOfKey(key: string): number {
  return Number.parseInt(key.slice(key.lastIndexOf('/') + 1), 10);
}
