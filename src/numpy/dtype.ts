/**
 * Element types of NumPy arrays: converts the file's bytes to numbers.
 *
 * Bytes are viewed in place where possible, which requires a little-endian machine. All platforms of the TensorFlow
 * addon are.
 */
import { decodeFloat16 } from '../core/float16.ts';

/**
 * A whole array in memory, C order. `dtype` is the type of `data`, and the one that `encodeNpy` writes. Reading converts
 * big-endian to little-endian and float16 to float32.
 */
export type NpyArray = { shape: readonly number[] } & NpyElements;
export type NpyElements =
  | { dtype: '<f8'; data: Float64Array }
  | { dtype: '<f4'; data: Float32Array }
  | { dtype: '|u1'; data: Uint8Array };

/** Bytes per element; undefined for an unsupported type. */
export function itemSize(dtype: string): number | undefined {
  return /^([<>]f[248]|\|u1)$/.test(dtype) ? Number(dtype[2]) : undefined;
}

/**
 * The elements in `bytes`, which the function takes over and overwrites. `bytes` must span an ArrayBuffer of its own and
 * hold elements of a type that `itemSize` supports.
 */
export function decodeElements(dtype: string, bytes: Uint8Array<ArrayBuffer>): NpyElements {
  const size = itemSize(dtype)!;
  if (dtype.startsWith('>')) swapBytes(bytes, size);
  if (size === 8) return { dtype: '<f8', data: new Float64Array(bytes.buffer) };
  if (size === 4) return { dtype: '<f4', data: new Float32Array(bytes.buffer) };
  if (size === 1) return { dtype: '|u1', data: bytes };
  const data = new Float32Array(bytes.length / size);
  decodeFloat16(bytes, data);
  return { dtype: '<f4', data };
}

/** Reverses the byte order of numbers of 2, 4 or 8 bytes, in place. */
export function swapBytes(bytes: Uint8Array, size: number): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (size === 8) buffer.swap64();
  else if (size === 4) buffer.swap32();
  else buffer.swap16();
}
