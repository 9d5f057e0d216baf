import { decodeFloat16, encodeFloat16 } from '../core/float16.ts';
import { SAMPLE_SIZE } from '../core/strain.ts';

/** How a record holds the numbers of its signal: little endian, (3, 4096) in C order. */
export type RecordDType = 'float16' | 'float32';

/** Bytes of one signal. */
export const SIGNAL_BYTES: Readonly<Record<RecordDType, number>> = {
  float16: SAMPLE_SIZE * 2,
  float32: SAMPLE_SIZE * 4,
};

// Typed arrays have the machine's byte order. Node's platforms that TensorFlow knows are all little endian.
if (new Uint8Array(Uint16Array.of(1).buffer)[0] !== 1)
  throw new Error('chirpline needs a little endian machine');

/** Writes the signal's bytes into `out` from `offset` on. */
export function encodeSignal(
  signal: Float32Array,
  dtype: RecordDType,
  out: Uint8Array,
  offset: number,
): void {
  if (dtype === 'float16') encodeFloat16(signal, out, offset);
  else out.set(new Uint8Array(signal.buffer, signal.byteOffset, signal.byteLength), offset);
}

/** Reads a signal into `out`, which has SAMPLE_SIZE values. The bytes' length is that of the dtype. */
export function decodeSignal(bytes: Uint8Array, dtype: RecordDType, out: Float32Array): void {
  if (dtype === 'float16') decodeFloat16(bytes, out);
  else new Uint8Array(out.buffer, out.byteOffset, out.byteLength).set(bytes);
}

/** The dtype whose signals have that many bytes; undefined when none has. */
export function dtypeOfLength(length: number): RecordDType | undefined {
  if (length === SIGNAL_BYTES.float16) return 'float16';
  return length === SIGNAL_BYTES.float32 ? 'float32' : undefined;
}
