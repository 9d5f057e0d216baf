import { DETECTORS, SAMPLE_SIZE } from '../../core/strain.ts';
import type { TF } from '../../tensorflow/install/load.ts';
import { withMemoryFor } from '../engine/batch-memory.ts';
import { createBatch, disposeBatch } from '../input/batch.ts';
import type { Predictor } from './ensemble.ts';
import { IDENTITY, SYMMETRIES } from './symmetries.ts';

/**
 * Yields for each batch of preprocessed samples (3, 4096), in order, their probabilities of a signal. The source may reuse a
 * sample's array when the next sample is requested.
 *
 * @param tta whether a probability is the mean over the sample's four symmetries, see symmetries.ts.
 * @param resumed whether full batches were predicted before: the size of a batch can change the last bits of its probabilities,
 * so a short last batch must be filled as if they had been predicted here.
 */
export async function* predictSignals(
  tf: TF,
  predictor: Predictor,
  source: AsyncIterable<Float32Array>,
  batchSize: number,
  tta = false,
  resumed = false,
): AsyncGenerator<Float32Array> {
  const signals = new Float32Array(batchSize * SAMPLE_SIZE);
  let size = 0;
  let filled = resumed;
  function predict(): Float32Array {
    // A batch of another size would be recorded, and compiled, again: a short last batch is filled with old samples.
    filled ||= size === batchSize;
    const used = signals.subarray(0, (filled ? batchSize : size) * SAMPLE_SIZE);
    const changes = tta ? SYMMETRIES : IDENTITY;
    const sums = new Float64Array(size);
    for (const change of changes) {
      change(used);
      const probabilities = predictBatch(tf, predictor, used);
      for (const i of sums.keys()) sums[i]! += probabilities[i]!;
    }
    return Float32Array.from(sums, (sum) => sum / changes.length);
  }
  for await (const signal of source) {
    if (signal.length !== SAMPLE_SIZE)
      throw new RangeError(`a sample has ${signal.length} values, needed ${DETECTORS.length} x 4096`);
    signals.set(signal, size++ * SAMPLE_SIZE);
    if (size < batchSize) continue;
    yield predict();
    size = 0;
  }
  if (size > 0) yield predict();
}

function predictBatch(tf: TF, predictor: Predictor, signals: Float32Array): Float32Array {
  const batch = createBatch(tf, signals);
  try {
    return withMemoryFor(batch.size, () => predictor.predict(batch));
  } finally {
    disposeBatch(batch);
  }
}
