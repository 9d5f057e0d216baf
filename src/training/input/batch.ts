import type { Tensor1D } from '@tensorflow/tfjs-node-gpu';
import { DETECTORS, SAMPLE_LENGTH } from '../../core/strain.ts';
import { type Encoded, encodeFloats } from '../../tensorflow/graph/encoded.ts';
import type { TF } from '../../tensorflow/install/load.ts';

/** Samples that go through the model together, as tensors. */
export interface Batch {
  size: number;
  /** [size, 3, 4096] */
  signals: Encoded;
  /** [size, 3, 4096]: signals without noise for injection. */
  injected?: Encoded;
  /** [size], each 0 or 1. */
  labels: Tensor1D;
  /** [size]; '' where a record has no id. */
  ids: Tensor1D;
}

/** Makes a batch of samples that are contiguous in memory. The caller disposes of it (disposeBatch). */
export function createBatch(
  tf: TF,
  signals: Float32Array,
  labels: ArrayLike<number> = new Float32Array(signals.length / (DETECTORS.length * SAMPLE_LENGTH)),
): Batch {
  const size = labels.length;
  return {
    size,
    signals: encodeFloats(tf, signals, [size, DETECTORS.length, SAMPLE_LENGTH]),
    labels: tf.tensor1d(Float32Array.from(labels)),
    ids: tf.tensor1d(
      Array.from(labels, () => ''),
      'string',
    ),
  };
}

export function disposeBatch({ signals, injected, labels, ids }: Batch): void {
  for (const tensor of [signals.tensor, injected?.tensor, labels, ids]) tensor?.dispose();
}
