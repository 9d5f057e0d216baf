import { decodeFloat16, encodeFloat16 } from '../core/float16.ts';
import { SAMPLE_SIZE } from '../core/strain.ts';

/** Type of a record's signal, which is stored little endian, shape (3, 4096), in C order. */
export type RecordDType = 'float16' | 'float32';

/** Bytes of one signal. */
export const SIGNAL_BYTES: Readonly<Record<RecordDType, number>> = {
  float16: SAMPLE_SIZE * 2,
  float32: SAMPLE_SIZE * 4,
};

// Typed arrays have the CPU's byte order. All platforms that Node and TensorFlow both support are little endian.
if (new Uint8Array(Uint16Array.of(1).buffer)[0] !== 1) throw new Error('chirpline needs a little-endian CPU');

/** Writes the signal's bytes into `out`, starting at `offset`. */
export function encodeSignal(
  signal: Float32Array,
  dtype: RecordDType,
  out: Uint8Array,
  offset: number,
): void {
  if (dtype === 'float16') encodeFloat16(signal, out, offset);
  else out.set(new Uint8Array(signal.buffer, signal.byteOffset, signal.byteLength), offset);
}

/** Decodes a signal into `out`, which has SAMPLE_SIZE values. `bytes` has SIGNAL_BYTES[dtype] bytes. */
export function decodeSignal(bytes: Uint8Array, dtype: RecordDType, out: Float32Array): void {
  if (dtype === 'float16') decodeFloat16(bytes, out);
  else new Uint8Array(out.buffer, out.byteOffset, out.byteLength).set(bytes);
}

/** The dtype whose signals have `length` bytes; undefined if there is none. */
export function dtypeOfLength(length: number): RecordDType | undefined {
  if (length === SIGNAL_BYTES.float16) return 'float16';
  return length === SIGNAL_BYTES.float32 ? 'float32' : undefined;
}
