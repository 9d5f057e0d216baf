/** The signal path for the samples of a chunk, whatever becomes of their signals: a shard, or a prediction. */
import { type Stop, stopIfAborted } from '../core/stop.ts';
import type { SampleRef } from '../raw/sample-ref.ts';
import { createSampleReader } from '../raw/samples.ts';
import type { OutputType } from '../signal/engines/signal-engine.ts';
import type { Preprocessor } from '../signal/preprocessor.ts';
import type { ObjectStore } from '../storage/store.ts';

/**
 * Reads and preprocesses samples, as many at once as the preprocessor takes. Yields for each block of them, in the order of
 * `refs`, each sample's signal (3, 4096) as bytes, which are valid until the next block is requested, or why it is rejected.
 * Throws StoppedError, which names the chunk as `part`, when `stop` is aborted; and the errors of the store.
 */
export async function* preprocessSamples(
  raw: ObjectStore,
  refs: readonly SampleRef[],
  { inputs, processBlock }: Preprocessor,
  dtype: OutputType,
  part: string,
  stop?: Stop,
): AsyncGenerator<(Uint8Array | string)[]> {
  const reader = createSampleReader(raw, refs);
  for (let done = 0; ; ) {
    const reasons = await reader.read(inputs);
    if (reasons.length === 0) return;
    stopIfAborted(stop, part, done, refs.length);
    done += reasons.length;
    const good = reasons.filter((reason) => reason === undefined).length;
    const results = processBlock(inputs.slice(0, good), dtype).values();
    yield reasons.map((reason) => reason ?? results.next().value!);
  }
}
