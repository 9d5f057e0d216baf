import { setImmediate } from 'node:timers/promises';
import { StoppedError } from '../../core/errors.ts';
import { CLIP } from '../../model/model.ts';
import { withMemoryFor } from '../engine/batch-memory.ts';
import type { Engine } from '../engine/engine.ts';
import type { Batch } from '../input/batch.ts';
import { sigmoid } from './logit.ts';
import { type Scores, score } from './metrics.ts';

/** A model's predictions for labelled samples, in sample order, and their scores. */
export interface Evaluation extends Scores {
  ids: string[];
  /** 0 or 1. */
  labels: Uint8Array;
  /** Of the probability of a signal. */
  logits: Float32Array;
  /** Their probabilities. */
  probabilities: Float64Array;
  /** Mean binary cross-entropy. */
  loss: number;
}

/** Predicts and scores `count` samples. Throws StoppedError when `signal` is aborted. */
export async function evaluate(
  engine: Engine,
  batches: AsyncIterable<Batch>,
  count: number,
  signal?: AbortSignal,
): Promise<Evaluation> {
  const ids: string[] = [];
  const labels = new Uint8Array(count);
  const logits = new Float32Array(count);
  for await (const batch of batches) {
    await setImmediate();
    if (signal?.aborted) throw new StoppedError('stopped during evaluation');
    labels.set(batch.labels.dataSync(), ids.length);
    const predicted = withMemoryFor(batch.size, () => engine.logits(batch));
    logits.set(predicted, ids.length);
    ids.push(...(batch.ids.dataSync() as unknown as string[]));
  }
  return { ids, ...judge(labels, logits) };
}

/** The evaluation of samples whose logits are known. `labels` are 0 or 1; there must be at least one. */
export function judge(labels: Uint8Array, logits: Float32Array): Omit<Evaluation, 'ids'> {
  const probabilities = Float64Array.from(logits, sigmoid);
  const loss = meanCrossEntropy(labels, probabilities);
  return { labels, logits, probabilities, loss, ...score(labels, logits) };
}

function meanCrossEntropy(labels: Uint8Array, probabilities: Float64Array): number {
  let sum = 0;
  for (const [i, label] of labels.entries()) {
    // The same clipping as in training: 1 - CLIP differs from 1 in float32 too.
    const p = Math.min(Math.max(probabilities[i]!, CLIP), 1 - CLIP);
    sum -= Math.log(label === 1 ? p : 1 - p);
  }
  return sum / labels.length;
}
