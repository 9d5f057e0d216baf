/**
 * TFRecord framing: length (uint64), masked CRC of those 8 bytes, data, masked CRC of the data; all little endian.
 * https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details
 */
import { InputError } from '../core/errors.ts';
import { crc32c } from './crc.ts';

/** Bytes before and after a record's data. */
export const FRAME_HEADER = 12;
export const FRAME_FOOTER = 4;

/** Longest record that is read [bytes]: hundreds of times one of ours. */
export const RECORD_LIMIT = 1 << 24;

export interface TFRecord {
  /** First byte of the record's frame in the file. */
  offset: number;
  /** A view of what was read. */
  data: Uint8Array;
}

/** What stands in front of so many bytes of data. */
export function frameHeader(length: number): Uint8Array {
  const header = new Uint8Array(FRAME_HEADER);
  const view = new DataView(header.buffer);
  view.setBigUint64(0, BigInt(length), true);
  view.setUint32(8, maskedCrc(header.subarray(0, 8)), true);
  return header;
}

/**
 * Completes the frame that starts at `start` of `out`, where its header and so many bytes of data stand already; returns its
 * end.
 */
export function sealFrame(out: Uint8Array, start: number, length: number): number {
  const end = start + FRAME_HEADER + length;
  const crc = maskedCrc(out.subarray(start + FRAME_HEADER, end));
  for (let i = 0; i < FRAME_FOOTER; i++) out[end + i] = crc >>> (8 * i);
  return end + FRAME_FOOTER;
}

/** One record with its frame around it. */
export function frameRecord(data: Uint8Array): Uint8Array {
  const out = new Uint8Array(FRAME_HEADER + data.length + FRAME_FOOTER);
  out.set(frameHeader(data.length));
  out.set(data, FRAME_HEADER);
  sealFrame(out, 0, data.length);
  return out;
}

/**
 * The records of a whole file, every CRC checked. Throws InputError, which names the object and the offset, when a
 * CRC is wrong, a record is longer than RECORD_LIMIT, or the file ends within one. An empty file has no records.
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
 * Like readRecords for a file that arrives in chunks, from byte `first` of it on, where a record begins. Holds one record
 * and one chunk at a time.
 */
export async function* streamRecords(
  chunks: AsyncIterable<Uint8Array>,
  object: string,
  first = 0,
): AsyncGenerator<TFRecord> {
  /** What has been read and not yielded, and where in the file it starts. */
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

/** The length of the record that a frame's header announces; undefined when the header is cut off or damaged. */
export function readFrameLength(header: Uint8Array): number | undefined {
  if (header.length < FRAME_HEADER) return undefined;
  const view = new DataView(header.buffer, header.byteOffset, FRAME_HEADER);
  if (maskedCrc(header.subarray(0, 8)) !== view.getUint32(8, true)) return undefined;
  return Number(view.getBigUint64(0, true));
}

/**
 * The data of the record whose frame starts at `start` of the bytes; undefined when they end within it. `base` is
 * where the bytes start in the object.
 */
function takeRecord(bytes: Uint8Array, start: number, base: number, object: string): Uint8Array | undefined {
  if (bytes.length - start < FRAME_HEADER) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, bytes.length - start);
  const offset = base + start;
  // The length is believed after its own CRC only.
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
    found: `record ${part} whose masked CRC-32C is ${hex(computed)}`,
    needed: `${hex(stored)}, which is stored with it`,
    advice: 'The file is damaged or no TFRecord file; make or copy it again',
  });
}

function truncated(object: string, offset: number, length: number): InputError {
  return new InputError({
    object,
    offset,
    found: `the end of the file, ${length} bytes into a record`,
    needed: 'the whole record',
    advice: 'The file is cut off; make or copy it again',
  });
}

/** CRCs are stored masked, since the CRC of data that holds its own CRC is no good check. */
function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}
