/** Predictions of the samples of a source, whatever it reads. */
import { setImmediate } from 'node:timers/promises';
import type { Observer } from '../core/progress.ts';
import type { Rejection } from '../preprocess/state/rejected.ts';
import type { TF } from '../tensorflow/install/load.ts';
import type { Predictor } from '../training/fit/ensemble.ts';
import { predictSignals } from '../training/fit/predictor.ts';

/** Samples to be predicted. */
export interface Source {
  /** Of all samples, also those that are rejected. */
  count: number;
  /**
   * Yields the signals (3, 4096) of the samples whose result the predictions don't hold yet, in order. A signal is valid until the
   * next one is requested. Before a signal is yielded, its id is pushed to the predictions, and so are the samples before it that
   * have a result or were rejected.
   */
  signals: AsyncIterable<Float32Array>;
}

export interface Predictions {
  /** Ids of all samples in the order of the catalog or of the records, also of those that are rejected. */
  samples: string[];
  /** Ids of the samples that have a result, in the same order. */
  ids: string[];
  /** 0 or 1, one per id; of raw samples none. */
  labels: number[];
  /** Of the probability of a signal, one per id. */
  logits: number[];
  rejected: Rejection[];
}

export function noPredictions(): Predictions {
  return { samples: [], ids: [], labels: [], logits: [], rejected: [] };
}

export interface BatchSettings {
  batchSize: number;
  tta?: boolean | undefined;
  /** Called when the results of a batch are among the predictions. */
  afterBatch?: () => Promise<void>;
}

/**
 * Predicts the samples of the source. The predictions may hold the results of the samples before them. Throws the reason of `signal`
 * after the batch during which it was aborted.
 */
export async function predictSource(
  tf: TF,
  predictor: Predictor,
  source: Source,
  predictions: Predictions,
  { batchSize, tta, afterBatch }: BatchSettings,
  observer: Observer = {},
  signal?: AbortSignal,
): Promise<void> {
  const { logits, rejected } = predictions;
  const report = () => {
    const done = logits.length + rejected.length;
    observer.progress?.({ stage: 'predict', done, total: source.count, unit: 'samples' });
  };
  report();
  for await (const batch of predictSignals(tf, predictor, source.signals, batchSize, tta)) {
    for (const logit of batch) logits.push(logit);
    report();
    // A batch blocks the event loop. Ctrl-C, the progress bar and the worker threads are served between batches.
    await setImmediate();
    signal?.throwIfAborted();
    await afterBatch?.();
  }
  // The last samples may have been rejected.
  report();
}
