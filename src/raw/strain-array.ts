/** Which arrays hold samples, and how their bytes are decoded to strain. */
import { InputError } from '../core/errors.ts';
import { DETECTORS, SAMPLE_LENGTH, SAMPLE_SIZE, type Strain } from '../core/strain.ts';
import {
  checkFileLength,
  decodeFloat64,
  encodeNpy,
  type NpyHeader,
  npyDataLength,
  parseNpyHeader,
} from '../numpy/npy.ts';

/** A file as numpy.save writes one float64 sample; G2Net's files are such files. */
const STANDARD_FILE = encodeNpy({
  dtype: '<f8',
  shape: [DETECTORS.length, SAMPLE_LENGTH],
  data: new Float64Array(SAMPLE_SIZE),
});
const STANDARD_HEADER_SIZE = STANDARD_FILE.length - SAMPLE_SIZE * 8;
const STANDARD_HEADER = Buffer.from(STANDARD_FILE.buffer, STANDARD_FILE.byteOffset, STANDARD_HEADER_SIZE);

/** A file of at most this size (98,432 bytes) counts as one sample and is not opened. */
export const SAMPLE_FILE_SIZE = STANDARD_FILE.length;

/** Bytes to read from a sample's file: one more than a standard file has, which is enough to notice a longer file. */
export const FILE_READ = SAMPLE_FILE_SIZE + 1;

/**
 * Memory to read FILE_READ bytes of a file into. It places the numbers of a standard file in `target`, and its header
 * before it; `target` needs STRAIN_MARGIN bytes on either side.
 */
export function memoryAround(target: Strain): Uint8Array {
  return new Uint8Array(target.buffer, target.byteOffset - STANDARD_HEADER_SIZE, FILE_READ);
}

/** Bytes of one sample's numbers, for a dtype that `countSamples` accepts. */
export function sampleBytes(dtype: string): number {
  return npyDataLength({ dtype, shape: [SAMPLE_SIZE] });
}

/**
 * Number of samples in an array: undefined for shape (3, 4096), N for (N, 3, 4096).
 *
 * Throws InputError for any other shape, for N = 0, and for types other than float64 and float32.
 */
export function countSamples({ dtype, shape }: NpyHeader, object: string): number | undefined {
  if (!/^[<>]f[48]$/.test(dtype)) {
    throw new InputError({ object, found: `dtype '${dtype}'`, needed: 'float32 or float64' });
  }
  const [length, detectors, count] = shape.toReversed();
  const fits = length === SAMPLE_LENGTH && detectors === DETECTORS.length && shape.length <= 3 && count !== 0;
  if (!fits) {
    const needed = `(${DETECTORS.length}, ${SAMPLE_LENGTH}) or a stack of these`;
    throw new InputError({ object, found: `shape (${shape.join(', ')})`, needed });
  }
  return count;
}

/**
 * Decodes a .npy file of one sample into `out`; shape (1, 3, 4096) is accepted too. Throws InputError for any other file.
 *
 * This is a hot path. A standard file costs one comparison of 128 bytes, and one copy unless `bytes` are memoryAround(out).
 */
export function decodeSampleFile(bytes: Uint8Array, object: string, out: Strain): void {
  if (bytes.length === SAMPLE_FILE_SIZE && STANDARD_HEADER.compare(bytes, 0, STANDARD_HEADER_SIZE) === 0) {
    const inPlace = bytes.buffer === out.buffer && bytes.byteOffset + STANDARD_HEADER_SIZE === out.byteOffset;
    if (!inPlace) {
      new Uint8Array(out.buffer, out.byteOffset, out.byteLength).set(bytes.subarray(STANDARD_HEADER_SIZE));
    }
    return;
  }
  const header = parseNpyHeader(bytes, object);
  const count = countSamples(header, object) ?? 1;
  if (count !== 1)
    throw new InputError({ object, found: `a stack of ${count} samples`, needed: 'one sample' });
  checkFileLength(header, bytes.length, object);
  decodeFloat64(bytes.subarray(header.dataOffset), header, out);
}

/** Decodes a sample's numbers, stored in C order. Throws InputError when the number of bytes is wrong. */
export function decodeSampleRow(bytes: Uint8Array, dtype: string, object: string, out: Strain): void {
  const needed = sampleBytes(dtype);
  if (bytes.length !== needed) {
    throw new InputError({ object, found: `${bytes.length} bytes of the sample`, needed: `${needed} bytes` });
  }
  decodeFloat64(bytes, { dtype, fortranOrder: false, shape: [] }, out);
}

/**
 * Decodes a row of a stack of either order from the stack's whole file. Throws InputError when the file has another length than
 * its header says.
 */
export function decodeStackRow(
  file: Uint8Array,
  header: NpyHeader,
  row: number,
  object: string,
  out: Strain,
): void {
  checkFileLength(header, file.length, object);
  const { dtype, dataOffset, fortranOrder, shape } = header;
  const length = sampleBytes(dtype);
  const data = file.subarray(dataOffset);
  if (!fortranOrder) {
    decodeSampleRow(data.subarray(row * length, (row + 1) * length), dtype, object, out);
    return;
  }
  const rows = shape[0]!;
  const item = length / SAMPLE_SIZE;
  const sample = new Uint8Array(length);
  for (let index = 0; index < SAMPLE_SIZE; index += 1) {
    const from = (index * rows + row) * item;
    for (let byte = 0; byte < item; byte += 1) sample[index * item + byte] = data[from + byte]!;
  }
  // The gathered bytes are one sample in Fortran order.
  decodeFloat64(sample, { dtype, fortranOrder, shape: shape.slice(1) }, out);
}
