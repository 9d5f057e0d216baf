/** One chunk of signals for a prediction, made in a worker thread. */
import type { Stop } from '../core/stop.ts';
import { type Psd, SAMPLE_SIZE } from '../core/strain.ts';
import type { SampleRef } from '../raw/sample-ref.ts';
import { createPreprocessor, type Preprocessor } from '../signal/preprocessor.ts';
import { openStore } from '../storage/open.ts';
import type { ObjectStore } from '../storage/store.ts';
import { preprocessSamples } from './signals.ts';

export interface SignalTask {
  /** Location of the raw samples, see openStore. */
  raw: string;
  psd: Psd;
  refs: readonly SampleRef[];
  /** Shared memory with room for a signal (3, 4096) of each ref. */
  signals: Float32Array;
}

/** For each ref why its sample is rejected; undefined if its signal is the next one in the task's `signals`. */
export type SignalFaults = (string | undefined)[];

/** For the next task, since making the tables takes milliseconds. */
let kept: { raw: string; psd: Psd; store: ObjectStore; preprocessor: Preprocessor } | undefined;

/** Preprocesses the samples of `refs` into `signals`, without gaps. A thread must run one task at a time. */
export async function preprocessSignals(
  { raw, psd, refs, signals }: SignalTask,
  stop: Stop,
): Promise<SignalFaults> {
  if (kept?.raw !== raw || Buffer.compare(bytesOf(kept.psd), bytesOf(psd)) !== 0)
    kept = { raw, psd, store: openStore(raw), preprocessor: createPreprocessor(psd) };
  const { store, preprocessor } = kept;
  const out = bytesOf(signals);
  const faults: SignalFaults = [];
  let end = 0;
  for await (const results of preprocessSamples(store, refs, preprocessor, 'float32', refs[0]!.key, stop)) {
    for (const result of results) {
      if (typeof result === 'string') faults.push(result);
      else {
        out.set(result, end);
        end += SAMPLE_SIZE * Float32Array.BYTES_PER_ELEMENT;
        faults.push(undefined);
      }
    }
  }
  return faults;
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
