import type { Tensor1D, Tensor3D } from '@tensorflow/tfjs-node-gpu';
import { InputError } from '../errors.ts';
import { decodeSignal } from '../records/dtype.ts';
import { DETECTORS, SAMPLE_LENGTH, SAMPLE_SIZE } from '../strain.ts';
import type { TF } from '../tensorflow/load.ts';
import type { SignalRecord } from './records.ts';

/** Samples that go through the model together. */
export interface Batch {
  /** Samples in the batch. */
  size: number;
  /** Shape [size, 3, 4096]; longer when the batch isn't full. */
  signals: Float32Array;
  /** 0 or 1 for each sample; longer when the batch isn't full. */
  labels: Float32Array;
  /** Of each sample, '' where the record has none. */
  ids: string[];
}

/**
 * The records in batches of `capacity`, the last one shorter. All batches share one memory: use up each before the next
 * is taken. Throws InputError when a signal holds a number that isn't finite.
 */
export async function* batchRecords(
  source: AsyncIterable<SignalRecord>,
  capacity: number,
): AsyncGenerator<Batch> {
  const batch: Batch = {
    size: 0,
    signals: new Float32Array(capacity * SAMPLE_SIZE),
    labels: new Float32Array(capacity),
    ids: [],
  };
  for await (const record of source) {
    const start = batch.size * SAMPLE_SIZE;
    decodeRecord(record, batch.signals.subarray(start, start + SAMPLE_SIZE));
    batch.labels[batch.size] = record.label;
    batch.ids.push(record.id);
    batch.size++;
    if (batch.size === capacity) {
      yield batch;
      batch.size = 0;
      batch.ids = [];
    }
  }
  if (batch.size > 0) yield batch;
}

function decodeRecord({ signal, dtype, object, offset }: SignalRecord, out: Float32Array): void {
  decodeSignal(signal, dtype, out);
  const bad = out.findIndex((value) => !Number.isFinite(value));
  if (bad === -1) return;
  throw new InputError({
    object,
    offset,
    found: `${out[bad]} at index ${bad} of the signal`,
    needed: 'finite numbers',
  });
}

/** The batch as tensors that share its memory. */
export function batchTensors(
  tf: TF,
  { size, signals, labels }: Batch,
): { signals: Tensor3D; labels: Tensor1D } {
  return {
    signals: tf.tensor3d(signals.subarray(0, size * SAMPLE_SIZE), [size, DETECTORS.length, SAMPLE_LENGTH]),
    labels: tf.tensor1d(labels.subarray(0, size)),
  };
}
