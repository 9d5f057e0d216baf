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

/** NumPy's other names for the types that are supported: its one-letter codes, and its own and Python's words. */
const CODES = new Map([
  ...['d', 'float64', 'float', 'double'].map((name) => [name, 'f8'] as const),
  ...['f', 'float32', 'single'].map((name) => [name, 'f4'] as const),
  ...['e', 'float16', 'half'].map((name) => [name, 'f2'] as const),
  ...['B', 'uint8', 'ubyte'].map((name) => [name, 'u1'] as const),
]);

/**
 * The type as numpy.save writes it, from any text that numpy.load takes for it: '<f8' for 'f8', '=f8', '|f8', 'd', '<d', 'float64'
 * or 'double'. Text for an unsupported type stays as it is.
 */
export function canonicalDType(text: string): string {
  const [, order = '', name = ''] = /^([<>=|]?)(.*)$/s.exec(text) ?? [];
  // A byte order may only precede a code, not a word.
  const known = (order === '' || name.length === 1 ? CODES.get(name) : undefined) ?? name;
  const code = known === 'u1' ? '|u1' : `${order === '>' ? '>' : '<'}${known}`;
  return itemSize(code) === undefined ? text : code;
}

/** The kind of number in an array of an unsupported type, if it is a usual one. */
export function kindOfDType(text: string): string | undefined {
  const name = text.replace(/^[<>=|]/, '');
  return KINDS.find(([form]) => form.test(name))?.[1];
}

const KINDS: readonly (readonly [form: RegExp, kind: string])[] = [
  [/^(c\d+|[FDG]|complex\d*)$/, 'complex numbers'],
  [/^([iu][1248]|[bhilqBHILQ]|u?int\d*)$/, 'integers'],
  [/^(f(12|16)|g|longdouble)$/, 'long doubles'],
  [/^(b1|\?|bool)$/, 'booleans'],
  [/^[SU]\d*$/, 'text'],
  [/^O\d*$/, 'pickled Python objects'],
];

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
