/**
 * NumPy's .npy files: one array each. NumPy's formats have a package of their own, since raw samples, the PSD, weights and
 * the simulation all use them.
 */
import { InputError } from '../core/errors.ts';
import { decodeElements, itemSize, type NpyArray, swapBytes } from './dtype.ts';
import { type NpyHeader, npyDataLength, parseNpyHeader } from './header.ts';

export type { NpyArray } from './dtype.ts';
export { NPY_HEADER_LIMIT, type NpyHeader, npyDataLength, parseNpyHeader } from './header.ts';

/**
 * The array of a whole .npy file, in C order. Versions 1-3; types '<f8' '<f4' '<f2', their big-endian forms, and '|u1'. Throws
 * InputError when the file is no .npy file, is truncated or has extra bytes.
 *
 * @param object the file's name, for messages.
 *
 * @example
 * import { encodeNpy, parseNpy } from 'chirpline';
 *
 * const bytes = encodeNpy({ dtype: '<f4', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) });
 * const { dtype, shape, data } = parseNpy(bytes, 'own.npy');
 * console.log(dtype, shape, data);
 */
export function parseNpy(bytes: Uint8Array, object: string): NpyArray {
  const header = parseNpyHeader(bytes, object);
  checkFileLength(header, bytes.length, object);
  const { dtype, shape } = header;
  // The constructor copies; a Buffer's slice() would share memory.
  const own = new Uint8Array(bytes.subarray(header.dataOffset));
  const elements = decodeElements(dtype, own);
  if (header.fortranOrder) {
    const source = elements.data.slice();
    copyToCOrder(source, elements.data, shape);
  }
  return { shape, ...elements };
}

/** Throws InputError unless a file of `length` bytes holds exactly the header and its array. */
export function checkFileLength(header: NpyHeader, length: number, object: string): void {
  const needed = header.dataOffset + npyDataLength(header);
  if (length === needed) return;
  throw new InputError({
    object,
    ...(length < needed && { offset: length }),
    found: length < needed ? `the end after ${length} bytes` : `${length} bytes`,
    needed: `${needed} bytes for ${header.dtype} of shape (${header.shape.join(', ')})`,
  });
}

/**
 * Writes an array's raw bytes into `out` as float64, C order.
 *
 * The hot path of preprocessing: '<f8' in C order is one copy of memory. `bytes` needs no alignment. Throws RangeError
 * unless it holds exactly out.length elements of '<f8', '>f8', '<f4' or '>f4'.
 */
export function decodeFloat64(
  bytes: Uint8Array,
  { dtype, fortranOrder, shape }: Pick<NpyHeader, 'dtype' | 'fortranOrder' | 'shape'>,
  out: Float64Array,
): void {
  const size = itemSize(dtype);
  if (!/^[<>]f[48]$/.test(dtype) || bytes.length !== out.length * size!) {
    throw new RangeError(
      `${bytes.length} bytes of ${dtype} are not ${out.length} float32 or float64 numbers`,
    );
  }
  const flat = fortranOrder ? new Float64Array(out.length) : out;
  if (size === 8) {
    const target = new Uint8Array(flat.buffer, flat.byteOffset, flat.byteLength);
    target.set(bytes);
    if (dtype === '>f8') swapBytes(target, 8);
  } else {
    const own = new Uint8Array(bytes);
    if (dtype === '>f4') swapBytes(own, 4);
    flat.set(new Float32Array(own.buffer));
  }
  if (fortranOrder) copyToCOrder(flat, out, shape);
}

/** Copies elements from Fortran order (first axis fastest) to C order (last axis fastest). */
function copyToCOrder(
  source: ArrayLike<number>,
  target: { [index: number]: number },
  shape: readonly number[],
): void {
  const strides = shape.map((_, axis) =>
    shape.slice(0, axis).reduce((product, length) => product * length, 1),
  );
  const index = shape.map(() => 0);
  let from = 0;
  for (let to = 0; to < source.length; to += 1) {
    target[to] = source[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
      from += strides[axis]!;
      index[axis]! += 1;
      if (index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
}

/**
 * The bytes that numpy.save writes for the array: version 1.0, C order. Throws RangeError if data doesn't fit the shape.
 *
 * @example
 * import { writeFile } from 'node:fs/promises';
 * import { encodeNpy } from 'chirpline';
 *
 * const bytes = encodeNpy({ dtype: '<f8', shape: [4], data: Float64Array.of(1, 2, 3, 4) });
 * await writeFile('own.npy', bytes);
 * console.log(bytes.length, 'bytes');
 */
export function encodeNpy({ dtype, shape, data }: NpyArray): Uint8Array {
  const count = shape.reduce((product, length) => product * length, 1);
  if (data.length !== count)
    throw new RangeError(`shape (${shape.join(', ')}) does not have ${data.length} elements`);
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  // NumPy leaves room for the length of the first axis to grow to 21 digits in place.
  const growth = shape.length === 0 ? '' : ' '.repeat(21 - String(shape[0]).length);
  const text = `{'descr': '${dtype}', 'fortran_order': False, 'shape': ${tuple}, }${growth}`;
  // The newline ends the header at a multiple of 64. Like NumPy, pad by a full 64 where it already does.
  const padding = 64 - ((10 + text.length + 1) % 64);
  const dataOffset = 10 + text.length + padding + 1;
  const file = Buffer.alloc(dataOffset + data.byteLength);
  file.write('\x93NUMPY\x01\x00', 'latin1');
  file.writeUInt16LE(dataOffset - 10, 8);
  file.write(`${text}${' '.repeat(padding)}\n`, 10, 'latin1');
  file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), dataOffset);
  return file;
}
