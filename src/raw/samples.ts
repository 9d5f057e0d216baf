/** The strain of samples, wherever they lie. */
import { InputError } from '../errors.ts';
import { unpackZipMember } from '../numpy/unzip.ts';
import type { ObjectStore } from '../storage/store.ts';
import { SAMPLE_SIZE, type Strain } from '../strain.ts';
import { passRows } from './passing.ts';
import { planReads, type RangeRead, readAhead, reasonOfAbsence } from './reads.ts';
import { describePlace, type PassRef, reasonOf, type SampleRef } from './sample-ref.ts';
import { decodeSampleFile, decodeSampleRow } from './strain-array.ts';

/** A sample's strain, or why there is none. */
export type SampleReading =
  | { ref: SampleRef; strain: Strain; reason?: undefined }
  | { ref: SampleRef; strain?: undefined; reason: string };

/**
 * Reads samples in the order of `refs`, float64, shape (3, 4096), as it is in the file: whether the numbers are
 * good is for others to judge. A broken sample gives a reason, and its neighbours come all the same.
 *
 * Neighbours in an object are read at once, a few reads ahead. Throws what the store throws, other than that an object
 * isn't there or isn't the one in the ref.
 *
 * @param chooseTarget gives the array for the next sample's strain. Without it all have the same: copy what you keep.
 */
export async function* readSamples(
  store: ObjectStore,
  refs: Iterable<SampleRef>,
  chooseTarget?: () => Strain,
): AsyncGenerator<SampleReading> {
  const own: Strain = new Float64Array(SAMPLE_SIZE);
  const target = chooseTarget ?? (() => own);
  for await (const { read, bytes } of readAhead(store, planReads(refs))) {
    if (read.kind === 'pass') {
      yield* readPass(store, read.refs, target);
      continue;
    }
    for (const ref of read.refs) {
      const strain = target();
      const reason = bytes instanceof Uint8Array ? decode(ref, read, bytes, strain) : bytes;
      yield reason === undefined ? { ref, strain } : { ref, reason };
    }
  }
}

/** Returns the reason if the sample is broken. */
function decode(ref: SampleRef, read: RangeRead, bytes: Uint8Array, strain: Strain): string | undefined {
  try {
    const object = describePlace(ref);
    if (ref.kind === 'npy') decodeSampleFile(bytes, object, strain);
    else if (ref.kind !== 'pass') {
      const start = ref.offset - read.offset;
      const own = bytes.subarray(start, start + ref.length);
      if (ref.kind === 'span') decodeSampleRow(own, ref.dtype, object, strain);
      else
        decodeSampleFile(ref.kind === 'zipped' ? unpackZipMember(own, ref.zip, object) : own, object, strain);
    }
  } catch (error) {
    if (error instanceof InputError) return reasonOf(error);
    throw error;
  }
  return undefined;
}

async function* readPass(
  store: ObjectStore,
  refs: readonly PassRef[],
  chooseTarget: () => Strain,
): AsyncGenerator<SampleReading> {
  let reason = '';
  let done = 0;
  try {
    for await (const reading of passRows(store, refs, chooseTarget)) {
      done += 1;
      yield reading;
    }
  } catch (error) {
    const absence = error instanceof InputError ? reasonOf(error) : reasonOfAbsence(error);
    if (absence === undefined) throw error;
    reason = absence;
  }
  for (const ref of refs.slice(done)) yield { ref, reason };
}
