import { DETECTORS, SAMPLE_SIZE } from '../strain.ts';
import type { Batch } from './batch.ts';
import type { Engine } from './engine.ts';

/**
 * Probability of a signal in each preprocessed sample (shape (3, 4096)), in their order. A sample's array may be used
 * again by the source once the next one is asked for.
 */
export async function* predictSignals(
  engine: Engine,
  source: AsyncIterable<Float32Array>,
  batchSize: number,
): AsyncGenerator<number> {
  const batch: Batch = {
    size: 0,
    signals: new Float32Array(batchSize * SAMPLE_SIZE),
    labels: new Float32Array(batchSize),
    ids: [],
  };
  for await (const signal of source) {
    if (signal.length !== SAMPLE_SIZE)
      throw new RangeError(`a sample of ${signal.length} values, needed ${DETECTORS.length} x 4096`);
    batch.signals.set(signal, batch.size++ * SAMPLE_SIZE);
    if (batch.size < batchSize) continue;
    yield* engine.predict(batch);
    batch.size = 0;
  }
  if (batch.size > 0) yield* engine.predict(batch);
}
