/**
 * TFRecord framing: length (uint64), masked CRC of those 8 bytes, data, masked CRC of the data; all little endian.
 * https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details
 */
import { refuseDisguise } from '../core/disguise.ts';
import { InputError } from '../core/errors.ts';
import { crc32c } from './crc.ts';

/** Bytes before and after a record's data. */
export const FRAME_HEADER = 12;
export const FRAME_FOOTER = 4;

/** Longest record that is read [bytes]: hundreds of times the size of our records. */
export const RECORD_LIMIT = 1 << 24;

export interface TFRecord {
  /** First byte of the record's frame in the file. */
  offset: number;
  /** A view of the bytes that were read. */
  data: Uint8Array;
}

/** The frame's header for `length` bytes of data. */
export function frameHeader(length: number): Uint8Array {
  const header = new Uint8Array(FRAME_HEADER);
  const view = new DataView(header.buffer);
  view.setBigUint64(0, BigInt(length), true);
  view.setUint32(8, maskedCrc(header.subarray(0, 8)), true);
  return header;
}

/** Completes the frame at `start` of `out`, which already holds its header and `length` bytes of data. Returns its end. */
export function sealFrame(out: Uint8Array, start: number, length: number): number {
  const end = start + FRAME_HEADER + length;
  const crc = maskedCrc(out.subarray(start + FRAME_HEADER, end));
  for (let i = 0; i < FRAME_FOOTER; i++) out[end + i] = crc >>> (8 * i);
  return end + FRAME_FOOTER;
}

/** Wraps one record's data in its frame. */
export function frameRecord(data: Uint8Array): Uint8Array {
  const out = new Uint8Array(FRAME_HEADER + data.length + FRAME_FOOTER);
  out.set(frameHeader(data.length));
  out.set(data, FRAME_HEADER);
  sealFrame(out, 0, data.length);
  return out;
}

/**
 * Yields the records of a whole file; every CRC is checked. Throws InputError, which names the object and the offset,
 * when a CRC is wrong, a record is longer than RECORD_LIMIT, or the file ends inside a record. An empty file has no records.
 */
export function* readRecords(bytes: Uint8Array, object: string): Generator<TFRecord> {
  let start = 0;
  while (start < bytes.length) {
    const data = takeRecord(bytes, start, 0, object);
    if (data === undefined) throw truncated(object, start, bytes.length - start);
    yield { offset: start, data };
    start += FRAME_HEADER + data.length + FRAME_FOOTER;
  }
}

/**
 * Like readRecords, for a file that arrives in chunks. They start at byte `first` of the file, where a record begins.
 * Holds one record and one chunk at a time.
 */
export async function* streamRecords(
  chunks: AsyncIterable<Uint8Array>,
  object: string,
  first = 0,
): AsyncGenerator<TFRecord> {
  /** Bytes that were read but not yielded; they start at `offset` in the file. */
  let pending: Uint8Array = new Uint8Array(0);
  let offset = first;
  for await (const chunk of chunks) {
    pending = pending.length === 0 ? chunk : new Uint8Array(Buffer.concat([pending, chunk]));
    let start = 0;
    for (;;) {
      const data = takeRecord(pending, start, offset, object);
      if (data === undefined) break;
      yield { offset: offset + start, data };
      start += FRAME_HEADER + data.length + FRAME_FOOTER;
    }
    pending = pending.subarray(start);
    offset += start;
  }
  if (pending.length > 0) throw truncated(object, offset, pending.length);
}

/** The record's length, from its frame's header; undefined when the header is truncated or damaged. */
export function readFrameLength(header: Uint8Array): number | undefined {
  if (header.length < FRAME_HEADER) return undefined;
  const view = new DataView(header.buffer, header.byteOffset, FRAME_HEADER);
  if (maskedCrc(header.subarray(0, 8)) !== view.getUint32(8, true)) return undefined;
  return Number(view.getBigUint64(0, true));
}

/**
 * The data of the record whose frame starts at `start` in the bytes; undefined when the bytes end inside the frame. `base` is
 * the offset of the bytes in the object.
 */
function takeRecord(bytes: Uint8Array, start: number, base: number, object: string): Uint8Array | undefined {
  if (bytes.length - start < FRAME_HEADER) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, bytes.length - start);
  const offset = base + start;
  if (offset === 0 && readFrameLength(bytes) === undefined) {
    refuseDisguise(bytes, object, 'TFRecords without compression');
  }
  // The length is trusted only once its own CRC is right.
  checkCrc(bytes.subarray(start, start + 8), view.getUint32(8, true), object, offset, 'length');
  const length = view.getBigUint64(0, true);
  if (length > RECORD_LIMIT) {
    throw new InputError({
      object,
      offset,
      found: `a record of ${length} bytes`,
      needed: `at most ${RECORD_LIMIT}`,
    });
  }
  const size = Number(length);
  if (view.byteLength < FRAME_HEADER + size + FRAME_FOOTER) return undefined;
  const data = bytes.subarray(start + FRAME_HEADER, start + FRAME_HEADER + size);
  checkCrc(data, view.getUint32(FRAME_HEADER + size, true), object, offset + FRAME_HEADER, 'data');
  return data;
}

function checkCrc(bytes: Uint8Array, stored: number, object: string, offset: number, part: string): void {
  const computed = maskedCrc(bytes);
  if (computed === stored) return;
  throw new InputError({
    object,
    offset,
    found: `record ${part} with masked CRC-32C ${hex(computed)}`,
    needed: `the stored ${hex(stored)}`,
    advice: 'Make or copy the file again: it is damaged, or not a TFRecord file',
  });
}

function truncated(object: string, offset: number, length: number): InputError {
  return new InputError({
    object,
    offset,
    found: `the end of the file, ${length} bytes into a record`,
    needed: 'the whole record',
    advice: 'Make or copy the file again: it is truncated',
  });
}

/** CRCs are stored masked, since a CRC over data that contains a CRC is a weak check. */
function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}
