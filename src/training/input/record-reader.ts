import type { Tensor, Tensor1D } from '@tensorflow/tfjs-node-gpu';
import { DETECTORS, SAMPLE_LENGTH } from '../../core/strain.ts';
import { openSession } from '../../tensorflow/graph/session.ts';
import type { TF } from '../../tensorflow/install/load.ts';
import type { Batch } from './batch.ts';
import { BATCH, createRecordGraph, type PASS_INPUTS, STARTED } from './record-graph.ts';

/** Consecutive records in a local file. */
export interface Segment {
  file: string;
  /** Offset of the first record [bytes]. */
  offset: number;
  /** Number of records to skip. */
  skip: number;
  /** Number of records to take after those. */
  take: number;
}

/** How the records of a pass are ordered. */
export interface Order {
  /** Number of segments that are interleaved, a few records at a time. */
  interleaved: number;
  /** Size of the shuffle buffer [records]; 1 keeps the order. */
  buffer: number;
  /** Two integers below 2^31. */
  seeds: readonly [number, number];
}

/** Reads batches with TensorFlow's input pipeline, one pass at a time. */
export interface RecordReader {
  /** Starts a pass and ends the previous one. Skips the first `done` records of the pass. */
  start(segments: readonly Segment[], order: Order, done: number): void;
  /** The next batch, which the caller must dispose of (disposeBatch); undefined at the end of the pass. */
  next(): Batch | undefined;
  dispose(): void;
}

export function createRecordReader(tf: TF, batchSize: number, dtype: 'float16' | 'float32'): RecordReader {
  const session = openSession(tf, createRecordGraph(batchSize, dtype));
  /** TensorFlow's datasets point to the strings in these tensors, so the tensors must outlive the pass. */
  let held: Tensor[] = [];

  return {
    start(segments, { interleaved, buffer, seeds }, done) {
      const text = (values: string[]) => tf.tensor1d(values, 'string');
      const counts = (values: number[]) => tf.tensor1d(values, 'int32');
      const inputs: Record<keyof typeof PASS_INPUTS, Tensor> = {
        files: text(segments.map(({ file }) => file)),
        offsets: text(segments.map(({ offset }) => String(offset))),
        skips: counts(segments.map(({ skip }) => skip)),
        takes: counts(segments.map(({ take }) => take)),
        interleaved: tf.scalar(interleaved, 'int32'),
        buffer: tf.scalar(buffer, 'int32'),
        seeds: counts([...seeds]),
        done: tf.scalar(done, 'int32'),
      };
      tf.dispose(session.run(new Map(Object.entries(inputs)), [STARTED]));
      tf.dispose(held);
      held = Object.values(inputs);
    },
    next: () => {
      try {
        const [signals, labels, ids] = session.run(new Map(), BATCH);
        const size = signals!.shape[0]!;
        return {
          size,
          signals: { tensor: signals!, type: dtype, shape: [size, DETECTORS.length, SAMPLE_LENGTH] },
          labels: labels as Tensor1D,
          ids: ids as Tensor1D,
        };
      } catch (error) {
        if (error instanceof Error && /End of sequence/.test(error.message)) return undefined;
        throw error;
      }
    },
    dispose() {
      session.dispose();
      tf.dispose(held);
    },
  };
}
