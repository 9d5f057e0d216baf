import { InputError } from '../core/errors.ts';
import { SAMPLE_SIZE } from '../core/strain.ts';
import { decodeExample, encodeExample } from './example.ts';
import { decodeSignal, dtypeOfLength, encodeSignal, type RecordDType, SIGNAL_BYTES } from './record-dtype.ts';
import { FRAME_FOOTER, FRAME_HEADER, frameHeader, readRecords, sealFrame } from './tfrecord.ts';

export interface ShardBuilder {
  /**
   * Appends a record. `signal` has SAMPLE_SIZE values, or is their bytes in the shard's dtype; it is copied. Throws RangeError
   * for a signal of another size, and for more than `capacity` records.
   */
  add(id: string | undefined, label: 0 | 1, signal: Float32Array | Uint8Array): void;
  /**
   * Returns the framed records since the last call: a whole shard, or its next piece. The next call of `add` overwrites
   * these bytes.
   */
  finish(): Uint8Array;
  /** Number of records added so far. */
  readonly count: number;
}

/** A record's frame up to its signal, which comes last, and the positions of id and label in it. */
interface Template {
  head: Uint8Array;
  idAt: number;
  labelAt: number;
}

/** Frames records directly into one buffer, which holds up to `capacity` records between two calls of `finish`. */
export function createShardBuilder(dtype: RecordDType, capacity: number): ShardBuilder {
  const signalBytes = SIGNAL_BYTES[dtype];
  const templates = new Map<number, Template>();
  let out: Uint8Array = new Uint8Array(0);
  let position = 0;
  let held = 0;
  let count = 0;

  function findTemplate(idLength: number): Template {
    let template = templates.get(idLength);
    if (template === undefined) {
      template = makeTemplate(idLength, signalBytes);
      templates.set(idLength, template);
    }
    return template;
  }

  /** Makes room for all records that may follow, assuming ids of this length. A longer id grows the buffer again. */
  function growBuffer(frameLength: number): void {
    const larger = Buffer.allocUnsafeSlow(position + (capacity - held) * frameLength);
    larger.set(out.subarray(0, position));
    out = new Uint8Array(larger.buffer);
  }

  return {
    add(id, label, signal) {
      const encoded = signal instanceof Uint8Array;
      if (signal.length !== (encoded ? signalBytes : SAMPLE_SIZE)) {
        throw new RangeError(`a signal of ${signal.length} ${encoded ? 'bytes' : 'values'}`);
      }
      if (held === capacity) throw new RangeError(`more than ${capacity} records`);
      const idLength = id === undefined ? NO_ID : Buffer.byteLength(id);
      const { head, idAt, labelAt } = findTemplate(idLength);
      const signalAt = head.length;
      if (out.length - position < signalAt + signalBytes + FRAME_FOOTER) {
        growBuffer(signalAt + signalBytes + FRAME_FOOTER);
      }
      out.set(head, position);
      if (id !== undefined) encoder.encodeInto(id, out.subarray(position + idAt, position + idAt + idLength));
      out[position + labelAt] = label;
      if (encoded) out.set(signal, position + signalAt);
      else encodeSignal(signal, dtype, out, position + signalAt);
      position = sealFrame(out, position, signalAt - FRAME_HEADER + signalBytes);
      held += 1;
      count += 1;
    },
    finish() {
      const bytes = out.subarray(0, position);
      position = 0;
      held = 0;
      return bytes;
    },
    get count() {
      return count;
    },
  };
}

const encoder = new TextEncoder();
const NO_ID = -1;

/**
 * Records with ids of one length differ in id, label and signal alone. So protobufjs encodes one record per length, and
 * the positions of id and label follow from where two such records differ.
 */
function makeTemplate(idLength: number, signalBytes: number): Template {
  const signal = new Uint8Array(signalBytes);
  const encode = (letter: string, label: 0 | 1) =>
    encodeExample({ id: idLength === NO_ID ? undefined : letter.repeat(idLength), label, signal });
  const first = encode('a', 0);
  return {
    head: Buffer.concat([frameHeader(first.length), first.subarray(0, first.length - signalBytes)]),
    idAt: FRAME_HEADER + firstDifference(first, encode('b', 0)),
    labelAt: FRAME_HEADER + firstDifference(first, encode('a', 1)),
  };
}

function firstDifference(a: Uint8Array, b: Uint8Array): number {
  return a.findIndex((byte, i) => byte !== b[i]);
}

export interface ShardRecord {
  id?: string | undefined;
  label: 0 | 1;
  /** Shape (3, 4096) in C order. All records share this buffer. */
  signal: Float32Array;
  dtype: RecordDType;
  /** First byte of the record in the shard. */
  offset: number;
}

/**
 * Yields the records of a shard of either dtype; every CRC is checked. Throws InputError like readRecords and
 * decodeExample, when a signal has another size, and when there are not `expected` records (default: at least one).
 */
export function* readShard(bytes: Uint8Array, object: string, expected?: number): Generator<ShardRecord> {
  const signal = new Float32Array(SAMPLE_SIZE);
  let count = 0;
  for (const { offset, data } of readRecords(bytes, object)) {
    const example = decodeExample(data, object, offset);
    const dtype = checkSignal(example.signal, object, offset);
    decodeSignal(example.signal, dtype, signal);
    yield { id: example.id, label: example.label, signal, dtype, offset };
    count += 1;
  }
  if (expected === undefined ? count === 0 : count !== expected) {
    throw new InputError({
      object,
      offset: bytes.length,
      found: `the end of the file after ${count} records`,
      needed: `${expected ?? 'at least one'}`,
    });
  }
}

/** The first value of a signal that isn't finite, with its index; undefined if all are. */
export function describeNonFinite(signal: Float32Array): string | undefined {
  const bad = signal.findIndex((value) => !Number.isFinite(value));
  return bad === -1 ? undefined : `${signal[bad]} at index ${bad} of the signal`;
}

/** The dtype of a record's signal. Throws InputError when its size fits no dtype. */
export function checkSignal(signal: Uint8Array, object: string, offset: number): RecordDType {
  const dtype = dtypeOfLength(signal.length);
  if (dtype !== undefined) return dtype;
  throw new InputError({
    object,
    offset,
    found: `a signal of ${signal.length} bytes`,
    needed: `${SIGNAL_BYTES.float16} (float16) or ${SIGNAL_BYTES.float32} (float32): a (3, 4096) array`,
  });
}
