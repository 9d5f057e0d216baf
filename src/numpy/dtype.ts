/**
 * Element types of NumPy arrays: converts the file's bytes to numbers, booleans or text, and back.
 *
 * Bytes are viewed in place where possible, which requires a little-endian machine. All platforms of the TensorFlow
 * addon are.
 */
import { InputError } from '../core/errors.ts';
import { decodeFloat16 } from '../core/float16.ts';

/**
 * A whole array in memory, C order. `dtype` is the type of `data`, and the one that `encodeNpy` writes. Reading converts
 * big-endian to little-endian and float16 to float32. Booleans are bytes 0 and 1.
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

/** Bytes per element; undefined for an unsupported type. */
export function itemSize(dtype: string): number | undefined {
  const match = DTYPE.exec(dtype);
  if (match === null) return undefined;
  return match[3] === undefined ? Number((match[2] ?? match[4]!)[1]) : 4 * Number(match[3]);
}

/**
 * The elements in `bytes`, which the function takes over and overwrites. `bytes` must span an ArrayBuffer of its own and
 * hold `count` elements of a type that `itemSize` supports. Throws InputError for code points beyond Unicode.
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
    case 'f2': {
      const data = new Float32Array(count);
      decodeFloat16(bytes, data);
      return { dtype: '<f4', data };
    }
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

/** Reverses the byte order of numbers of 2, 4 or 8 bytes, in place. */
export function swapBytes(bytes: Uint8Array, size: number): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (size === 8) buffer.swap64();
  else if (size === 4) buffer.swap32();
  else buffer.swap16();
}

/** NumPy's text is UTF-32, padded with zeros. */
function decodeText(points: Uint32Array, count: number, object: string): string[] {
  const width = count === 0 ? 0 : points.length / count;
  return Array.from({ length: count }, (_, index) => {
    const text = points.subarray(index * width, (index + 1) * width);
    const wrong = text.find((point) => point > 0x10ffff);
    if (wrong !== undefined) {
      throw new InputError({ object, found: `the code point ${wrong}`, needed: 'UTF-32 text' });
    }
    return String.fromCodePoint(...text).replace(/\0+$/, '');
  });
}

/** The elements' bytes as in the file. Throws RangeError when a text is longer than the dtype allows. */
export function encodeElements({ dtype, data }: NpyElements): Uint8Array {
  if (!Array.isArray(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const width = itemSize(dtype)! / 4;
  const points = new Uint32Array(data.length * width);
  for (const [index, text] of data.entries()) {
    const codes = Array.from(text, (character) => character.codePointAt(0)!);
    if (codes.length > width) throw new RangeError(`${JSON.stringify(text)} is too long for dtype ${dtype}`);
    points.set(codes, index * width);
  }
  return new Uint8Array(points.buffer);
}
