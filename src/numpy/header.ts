/**
 * The header of a .npy file: magic, version, and a Python dict literal with type, order and shape.
 *
 * Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html (versions 1.0, 2.0 and 3.0).
 */
import { refuseDisguise } from '../core/disguise.ts';
import { InputError } from '../core/errors.ts';
import { quote } from '../core/quote.ts';
import { canonicalDType, itemSize, kindOfDType } from './dtype.ts';

export interface NpyHeader {
  /** In NumPy's usual spelling: '<f8', '>f4', '|u1' ... */
  dtype: string;
  /** True if the first axis varies fastest. */
  fortranOrder: boolean;
  /** Lengths of the axes, outermost first; empty for a 0-d array. */
  shape: number[];
  /** Offset of the array's bytes in the file. */
  dataOffset: number;
}

/** Longest header, with magic and version [bytes]. NumPy usually writes 128. Longer headers are refused. */
export const NPY_HEADER_LIMIT = 65536;

/** NumPy 1 allows 32 axes. Arrays that chirpline uses have at most 4. */
const AXIS_LIMIT = 32;

/** In Python (3) is the number 3, not a tuple. Files from Python 2 may contain long integers: 3L. */
const TUPLE = /\(\s*\)|\((?:\s*\d+L?\s*,)+(?:\s*\d+L?)?\s*\)/.source;
const ITEM = String.raw`\s*(?:'descr'\s*:\s*'([^'\\\n]*)'|'fortran_order'\s*:\s*(True|False)|'shape'\s*:\s*(${TUPLE}))\s*`;
/** No ambiguous repetition, so matching takes linear time for any text. */
const DICT = new RegExp(String.raw`^\s*\{${ITEM},${ITEM},${ITEM}(?:,\s*)?\}\s*$`);

const MAGIC = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59);

/**
 * Reads the header at the start of `bytes`, which must hold the whole file or its first NPY_HEADER_LIMIT bytes.
 *
 * Throws InputError unless the version is 1-3, `parseNpy` supports the type, and the array has less than 2^53 bytes.
 */
export function parseNpyHeader(bytes: Uint8Array, object: string): NpyHeader {
  if (bytes.length === 0) throw new InputError({ object, found: 'no bytes', needed: 'a .npy file' });
  if (MAGIC.some((byte, index) => bytes[index] !== byte)) {
    refuseDisguise(bytes, object, 'a .npy file');
    const found = `the bytes ${Buffer.from(bytes.subarray(0, MAGIC.length)).toString('hex')}`;
    throw new InputError({ object, offset: 0, found, needed: "a .npy file's magic 934e554d5059" });
  }
  const major = bytes[6];
  if (bytes.length >= 8 && !/^[123],0$/.test(`${major},${bytes[7]}`)) {
    throw new InputError({
      object,
      offset: 6,
      found: `version ${major}.${bytes[7]}`,
      needed: 'version 1.0, 2.0 or 3.0',
    });
  }
  const start = major === 1 ? 10 : 12;
  if (bytes.length < start) throw truncated(object, bytes.length, `a header of at least ${start} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const dataOffset = start + length;
  if (dataOffset > NPY_HEADER_LIMIT) {
    throw new InputError({
      object,
      offset: 8,
      found: `a header of ${length} bytes`,
      needed: `at most ${NPY_HEADER_LIMIT - start}`,
    });
  }
  if (bytes.length < dataOffset) throw truncated(object, bytes.length, `a header of ${dataOffset} bytes`);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, length).toString(
    major === 3 ? 'utf8' : 'latin1',
  );
  const header = { ...parseHeaderDict(text, object, start), dataOffset };
  checkSize(header, object);
  return header;
}

/**
 * Reads the keys 'descr', 'fortran_order' and 'shape', in any order, each once. Throws InputError for anything else.
 *
 * @param offset of the text in the file, for error messages.
 */
function parseHeaderDict(text: string, object: string, offset: number): Omit<NpyHeader, 'dataOffset'> {
  const match = DICT.exec(text.replaceAll('"', "'")) ?? [];
  const [dtype, order, tuple] = [1, 2, 3].map(
    (group) => match[group] ?? match[group + 3] ?? match[group + 6],
  );
  const shape = (tuple?.match(/\d+/g) ?? []).map(Number);
  if (dtype === undefined || order === undefined || tuple === undefined || shape.length > AXIS_LIMIT) {
    const needed = `a Python dict literal of 'descr' (a plain dtype), 'fortran_order' and 'shape' (at most ${AXIS_LIMIT} axes)`;
    throw new InputError({ object, offset, found: quote(text.trim()), needed });
  }
  return { dtype: canonicalDType(dtype), fortranOrder: order === 'True', shape };
}

/** Bytes of the array after the header; always a safe integer. */
export function npyDataLength({ dtype, shape }: Pick<NpyHeader, 'dtype' | 'shape'>): number {
  return shape.reduce((product, length) => product * length, itemSize(dtype)!);
}

function checkSize({ dtype, shape }: NpyHeader, object: string): void {
  const size = itemSize(dtype);
  if (size === undefined) {
    const kind = kindOfDType(dtype);
    throw new InputError({
      object,
      found: `dtype ${quote(dtype)}${kind === undefined ? '' : ` (${kind})`}`,
      needed: 'floating-point numbers of 2, 4 or 8 bytes',
      ...(kind === 'pickled Python objects' && {
        advice: 'Save the array without objects: reading pickled objects could run code',
      }),
    });
  }
  // Zero axes count as 1, so that the product of the other lengths can't overflow either.
  const product = shape.reduce((total, length) => total * Math.max(length, 1), size);
  if (!Number.isSafeInteger(product)) {
    throw new InputError({
      object,
      found: `shape (${shape.join(', ')})`,
      needed: 'an array of less than 2^53 bytes',
    });
  }
}

function truncated(object: string, length: number, needed: string): InputError {
  return new InputError({ object, offset: length, found: 'the end of the file', needed });
}
