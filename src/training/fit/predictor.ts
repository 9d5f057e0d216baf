import { DETECTORS, SAMPLE_SIZE } from '../../core/strain.ts';
import type { TF } from '../../tensorflow/install/load.ts';
import { withMemoryFor } from '../engine/batch-memory.ts';
import { createBatch, disposeBatch } from '../input/batch.ts';
import type { Predictor } from './ensemble.ts';
import { meanLogits } from './logit.ts';
import { IDENTITY, SYMMETRIES } from './symmetries.ts';

/**
 * Yields for each batch of preprocessed samples (3, 4096), in order, the logits of their probabilities of a signal. The source
 * may reuse a sample's array when the next sample is requested.
 *
 * @param tta whether a probability is the mean over the sample's four symmetries, see symmetries.ts.
 */
export async function* predictSignals(
  tf: TF,
  predictor: Predictor,
  source: AsyncIterable<Float32Array>,
  batchSize: number,
  tta = false,
): AsyncGenerator<Float32Array> {
  const signals = new Float32Array(batchSize * SAMPLE_SIZE);
  let size = 0;
  function predict(): Float32Array {
    const changes = tta ? SYMMETRIES : IDENTITY;
    const ofChanges = changes.map((change) => {
      change(signals);
      // Always a full batch: another size would be recorded and compiled again, and would round differently.
      return predictBatch(tf, predictor, signals).subarray(0, size);
    });
    return meanLogits(ofChanges);
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
    return withMemoryFor(batch.size, () => predictor.logits(batch));
  } finally {
    disposeBatch(batch);
  }
}
