/** Raw samples as a source: worker threads preprocess them ahead of the model, which runs in the main thread. */
import { availableParallelism } from 'node:os';
import { InputError } from '../core/errors.ts';
import { type Psd, SAMPLE_SIZE } from '../core/strain.ts';
import type { SignalFaults, SignalTask } from '../preprocess/signal-chunk.ts';
import { catalogDataset } from '../raw/catalog.ts';
import { describePlace, type SampleRef } from '../raw/sample-ref.ts';
import { WINDOW } from '../raw/samples.ts';
import { mapAhead } from '../storage/ahead.ts';
import type { ObjectStore } from '../storage/store.ts';
import { withWorkers } from '../workers/pool.ts';
import type { Predictions, Source } from './predictions.ts';

/** Samples of one task: 48 MiB of signals. */
const CHUNK = WINDOW;

export interface RawSamples {
  /** The samples that can be predicted: each has an id of its own. */
  refs: SampleRef[];
  /** All inputs, also those without an id, and each of several with the same id. */
  count: number;
}

/**
 * Catalogs the raw samples of a store, and notes the ids and the inputs that can't be used in the predictions. Throws InputError
 * when there is no sample.
 */
export async function findRawSamples(
  data: ObjectStore,
  { samples, rejected }: Predictions,
): Promise<RawSamples> {
  const { refs, faults } = await catalogDataset(data);
  if (refs.length === 0) {
    const [first] = faults;
    throw new InputError({
      object: data.location,
      found:
        first === undefined
          ? 'neither raw samples nor records'
          : `no readable raw sample (${first.file}: ${first.reason})`,
      needed: '.npy, .npz or .tar files, or metadata.json with its shards',
    });
  }
  for (const fault of faults) rejected.push(fault);
  const counts = new Map<string, number>();
  for (const { id } of refs) counts.set(id, (counts.get(id) ?? 0) + 1);
  for (const id of counts.keys()) samples.push(id);
  for (const ref of refs) {
    const { id } = ref;
    const count = counts.get(id)!;
    if (count > 1)
      rejected.push({ id, file: describePlace(ref), reason: `${count} raw samples have this id` });
  }
  return { refs: refs.filter(({ id }) => counts.get(id) === 1), count: refs.length + faults.length };
}

/**
 * Calls `work` with a source of the samples at the location `raw`, whitened by the PSD. Samples whose results the predictions hold
 * aren't read again: those that were rejected, and as many of the others as there are results. One chunk for each of the
 * worker threads and one more, which is being predicted, are in memory: 48 MiB each. Throws the errors of withWorkers.
 *
 * @param workers default: one per core.
 */
export function withRawSource<Product>(
  raw: string,
  psd: Psd,
  { refs, count }: RawSamples,
  { ids, logits, rejected }: Predictions,
  {
    workers = availableParallelism(),
    signal,
  }: { workers?: number | undefined; signal?: AbortSignal | undefined },
  work: (source: Source) => Promise<Product>,
): Promise<Product> {
  const unusable = new Set(rejected.map(({ id }) => id));
  const usable = refs.filter(({ id }) => !unusable.has(id));
  for (const { id } of usable.slice(0, logits.length)) ids.push(id);
  const chunks: SampleRef[][] = [];
  for (let start = logits.length; start < usable.length; start += CHUNK)
    chunks.push(usable.slice(start, start + CHUNK));
  const atOnce = Math.min(workers + 1, chunks.length);

  return withWorkers<SignalTask, SignalFaults, Product>('signals-task', { workers, signal }, (run) => {
    async function* read(): AsyncGenerator<Float32Array> {
      // The threads write into memory that they share with this one, so signals aren't copied between them.
      const memory = Array.from({ length: atOnce }, shareSignals);
      // mapAhead starts chunk i when chunk i - atOnce has been used: they have the same memory.
      const made = mapAhead(chunks.entries(), atOnce, async ([index, refs]) => {
        const signals = memory[index % atOnce]!;
        return { refs, signals, faults: await run({ raw, psd, refs, signals }) };
      });
      for await (const { refs, signals, faults } of made) {
        let start = 0;
        for (const [index, ref] of refs.entries()) {
          const { id } = ref;
          const reason = faults[index];
          if (reason !== undefined) {
            rejected.push({ id, file: describePlace(ref), reason });
            continue;
          }
          ids.push(id);
          yield signals.subarray(start, start + SAMPLE_SIZE);
          start += SAMPLE_SIZE;
        }
      }
    }
    return work({ count, signals: read() });
  });
}

function shareSignals(): Float32Array {
  return new Float32Array(new SharedArrayBuffer(CHUNK * SAMPLE_SIZE * Float32Array.BYTES_PER_ELEMENT));
}
