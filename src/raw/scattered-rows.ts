/** Reads rows of stacks that have no byte range of their own: the array is deflated, or in Fortran order. */
import { pipeline, Readable } from 'node:stream';
import { createInflateRaw } from 'node:zlib';
import { InputError } from '../core/errors.ts';
import { SAMPLE_SIZE, type Strain } from '../core/strain.ts';
import { decodeFloat64, npyDataLength } from '../numpy/npy.ts';
import { inflateFault, LOCAL_HEADER_SIZE, locateZipData, oversize } from '../numpy/unzip.ts';
import type { ObjectStore } from '../storage/store.ts';
import { describePlace, type PassedArray, type PassRef } from './sample-ref.ts';
import { decodeSampleRow, sampleBytes } from './strain-array.ts';

/** Bytes. Fortran order scatters a row over the whole array, so the array is held: about 1,000 float64 samples. */
export const FORTRAN_LIMIT = 96 << 20;

export interface PassReading {
  ref: PassRef;
  strain: Strain;
}

type Source = Pick<PassedArray, 'offset' | 'length' | 'zip'>;

/**
 * Streams the uncompressed bytes of a .npy file inside an object, never more than the archive's stated size.
 * Throws InputError where they are broken or end early.
 */
export async function* streamArray(
  store: ObjectStore,
  key: string,
  { offset, length, zip }: Source,
  object: string,
  etag?: string,
): AsyncGenerator<Uint8Array> {
  const stored = store.stream(key, { offset, length }, { ifMatch: etag });
  if (zip === undefined) {
    yield* stored;
    return;
  }
  const packed = cutZipData(stored, zip.packed, object);
  if (!zip.deflated) {
    yield* packed;
    return;
  }
  const inflate = createInflateRaw();
  // pipeline needs a callback. A failure on either end is thrown by the loop below.
  pipeline(Readable.from(packed), inflate, () => {});
  let size = 0;
  try {
    for await (const chunk of inflate as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > zip.size) throw oversize(zip.size, object);
      yield chunk;
    }
  } catch (error) {
    throw inflateFault(error, zip.size, object);
  }
}

/**
 * Cuts a zip member's data out of the bytes from its local header on. Truncated data are yielded up to their end: the
 * rows before it can still be decoded.
 */
async function* cutZipData(
  stream: AsyncIterable<Uint8Array>,
  packed: number,
  object: string,
): AsyncGenerator<Uint8Array> {
  let head: Uint8Array | undefined = new Uint8Array(0);
  let missing = packed;
  for await (const chunk of stream) {
    let data = chunk;
    if (head !== undefined) {
      head = Buffer.concat([head, chunk]);
      if (head.length < LOCAL_HEADER_SIZE) continue;
      const start = locateZipData(head, object);
      if (head.length < start) continue;
      data = head.subarray(start);
      head = undefined;
    }
    data = data.subarray(0, missing);
    missing -= data.length;
    yield data;
    if (missing === 0) return;
  }
}

/**
 * Decodes the rows of `refs`, in their order, in one pass over the array. All refs are of one array; each row goes into
 * the array that `chooseTarget` returns. Throws InputError where the array is broken, after the rows before that point.
 */
export async function* passRows(
  store: ObjectStore,
  refs: readonly PassRef[],
  chooseTarget: () => Strain,
): AsyncGenerator<PassReading> {
  const { key, etag, array } = refs[0]!;
  const object = describePlace(refs[0]!);
  const stream = streamArray(store, key, array, object, etag);
  if (array.header.fortranOrder) yield* passScattered(stream, refs, object, chooseTarget);
  else yield* passAscending(stream, refs, object, chooseTarget);
}

/** Holds only rows that arrive before their turn: none if the refs are in ascending order. */
async function* passAscending(
  stream: AsyncIterable<Uint8Array>,
  refs: readonly PassRef[],
  object: string,
  chooseTarget: () => Strain,
): AsyncGenerator<PassReading> {
  const { dtype, dataOffset } = refs[0]!.array.header;
  const length = sampleBytes(dtype);
  const wanted = [...new Set(refs.map(({ row }) => row))].sort((a, b) => a - b);
  const lastUse = new Map(refs.map(({ row }, index) => [row, index]));
  const ready = new Map<number, Uint8Array>();
  let next = 0;
  for await (const { row, bytes } of cutRows(stream, dataOffset, length, wanted, object)) {
    ready.set(row, bytes);
    for (; next < refs.length && ready.has(refs[next]!.row); next += 1) {
      const ref = refs[next]!;
      const strain = chooseTarget();
      decodeSampleRow(ready.get(ref.row)!, dtype, object, strain);
      if (lastUse.get(ref.row) === next) ready.delete(ref.row);
      yield { ref, strain };
    }
  }
}

/** Cuts the rows `wanted`, in ascending order, out of a stream of the whole file. */
async function* cutRows(
  stream: AsyncIterable<Uint8Array>,
  dataOffset: number,
  length: number,
  wanted: readonly number[],
  object: string,
): AsyncGenerator<{ row: number; bytes: Uint8Array }> {
  let index = 0;
  let bytes = new Uint8Array(length);
  let filled = 0;
  let position = 0;
  for await (const chunk of stream) {
    while (index < wanted.length) {
      const from = dataOffset + wanted[index]! * length + filled - position;
      if (from >= chunk.length) break;
      const part = chunk.subarray(from, from + length - filled);
      bytes.set(part, filled);
      filled += part.length;
      if (filled < length) break;
      yield { row: wanted[index]!, bytes };
      bytes = new Uint8Array(length);
      filled = 0;
      index += 1;
    }
    if (index === wanted.length) return;
    position += chunk.length;
  }
  throw new InputError({
    object,
    offset: position,
    found: 'the end of the array',
    needed: `row ${wanted[index]}`,
  });
}

async function* passScattered(
  stream: AsyncIterable<Uint8Array>,
  refs: readonly PassRef[],
  object: string,
  chooseTarget: () => Strain,
): AsyncGenerator<PassReading> {
  const { header } = refs[0]!.array;
  const { dtype, dataOffset, shape } = header;
  const file = new Uint8Array(dataOffset + npyDataLength(header));
  let position = 0;
  for await (const chunk of stream) {
    file.set(chunk.subarray(0, file.length - position), position);
    position += chunk.length;
  }
  if (position !== file.length) {
    throw new InputError({
      object,
      offset: position,
      found: 'the end of the array',
      needed: `${file.length} bytes`,
    });
  }
  const rows = shape[0]!;
  const item = sampleBytes(dtype) / SAMPLE_SIZE;
  const sample = new Uint8Array(SAMPLE_SIZE * item);
  for (const ref of refs) {
    for (let index = 0; index < SAMPLE_SIZE; index += 1) {
      const from = dataOffset + (index * rows + ref.row) * item;
      for (let byte = 0; byte < item; byte += 1) sample[index * item + byte] = file[from + byte]!;
    }
    const strain = chooseTarget();
    // The gathered bytes are one sample in Fortran order.
    decodeFloat64(sample, { dtype, fortranOrder: true, shape: shape.slice(1) }, strain);
    yield { ref, strain };
  }
}
