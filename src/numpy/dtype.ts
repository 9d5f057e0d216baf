/**
 * Element types of NumPy arrays: how the file's bytes become numbers, booleans or text.
 *
 * The bytes are viewed in place where that is possible, which takes a little-endian machine; all that Node's
 * TensorFlow addon runs on are.
 */
import { InputError } from '../core/errors.ts';

/**
 * A whole array in memory, C order. `dtype` describes `data` and is what `encodeNpy` writes; big-endian files
 * become little-endian and float16 becomes float32 when read. Booleans are bytes 0 and 1.
 */
export type NpyArray = { shape: readonly number[] } & NpyElements;
export type NpyElements =
  | { dtype: '<f8'; data: Float64Array }
  | { dtype: '<f4'; data: Float32Array }
  | { dtype: '<i8'; data: BigInt64Array }
  | { dtype: '<i4'; data: Int32Array }
  | { dtype: '|u1' | '|b1'; data: Uint8Array }
  | { dtype: `<U${number}`; data: string[] };

const DTYPE = /^(?:([<>])(f8|f4|f2|i8|i4|U([1-9]\d{0,3}))|\|(u1|b1))$/;

/** Bytes of one element, or undefined for a type that isn't read. */
export function itemSize(dtype: string): number | undefined {
  const match = DTYPE.exec(dtype);
  if (match === null) return undefined;
  return match[3] === undefined ? Number((match[2] ?? match[4]!)[1]) : 4 * Number(match[3]);
}

/**
 * The elements in `bytes`, a copy that the caller gives away: it starts an ArrayBuffer of its own, holds `count`
 * elements of a type that `itemSize` knows, and is overwritten.
 */
export function decodeElements(
  dtype: string,
  bytes: Uint8Array<ArrayBuffer>,
  count: number,
  object: string,
): NpyElements {
  const { buffer } = bytes;
  const [, order, name = dtype.slice(1)] = DTYPE.exec(dtype)!;
  if (order === '>') swapBytes(bytes, name.startsWith('U') ? 4 : Number(name[1]));
  switch (name) {
    case 'f8':
      return { dtype: '<f8', data: new Float64Array(buffer) };
    case 'f4':
      return { dtype: '<f4', data: new Float32Array(buffer) };
    case 'f2':
      return { dtype: '<f4', data: Float32Array.from(new Uint16Array(buffer), widenFloat16) };
    case 'i8':
      return { dtype: '<i8', data: new BigInt64Array(buffer) };
    case 'i4':
      return { dtype: '<i4', data: new Int32Array(buffer) };
    case 'u1':
    case 'b1':
      return { dtype: `|${name}`, data: bytes };
    default:
      return {
        dtype: `<U${Number(name.slice(1))}`,
        data: decodeText(new Uint32Array(buffer), count, object),
      };
  }
}

/** Turns big-endian numbers of 2, 4 or 8 bytes around, in place. */
export function swapBytes(bytes: Uint8Array, size: number): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (size === 8) buffer.swap64();
  else if (size === 4) buffer.swap32();
  else buffer.swap16();
}

/** IEEE 754 binary16 as a number. */
function widenFloat16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** NumPy's text is UTF-32, filled up with zeros. */
function decodeText(points: Uint32Array, count: number, object: string): string[] {
  const width = count === 0 ? 0 : points.length / count;
  return Array.from({ length: count }, (_, index) => {
    const text = points.subarray(index * width, (index + 1) * width);
    const wrong = text.find((point) => point > 0x10ffff);
    if (wrong !== undefined) {
      throw new InputError({ object, found: `the character code ${wrong}`, needed: 'UTF-32 text' });
    }
    return String.fromCodePoint(...text).replace(/\0+$/, '');
  });
}

/** The file's bytes of an array's elements. */
export function encodeElements({ dtype, data }: NpyElements): Uint8Array {
  if (!Array.isArray(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const width = itemSize(dtype)! / 4;
  const points = new Uint32Array(data.length * width);
  for (const [index, text] of data.entries()) {
    const codes = Array.from(text, (character) => character.codePointAt(0)!);
    if (codes.length > width) throw new RangeError(`${JSON.stringify(text)} is longer than ${dtype} holds`);
    points.set(codes, index * width);
  }
  return new Uint8Array(points.buffer);
}
