/** Reads the strain of samples in objects of any format. */
import { InputError } from '../core/errors.ts';
import { SAMPLE_SIZE, type Strain } from '../core/strain.ts';
import { unpackZipMember } from '../numpy/unzip.ts';
import type { LocalFolder, ObjectStore } from '../storage/store.ts';
import { createListedReader, isAbsent, type ReadListed, reasonOfAbsence } from './absence.ts';
import { planReads, type Read, readAhead } from './reads.ts';
import { describePlace, type FileRef, reasonOf, type SampleRef } from './sample-ref.ts';
import { decodeSampleFile, decodeSampleRow, decodeStackRow, memoryAround } from './strain-array.ts';

/** A sample's strain, or the reason why it can't be read. */
export type SampleReading =
  | { ref: SampleRef; strain: Strain; reason?: undefined }
  | { ref: SampleRef; strain?: undefined; reason: string };

/**
 * Reads samples in the order of `refs`: float64, shape (3, 4096), the values as in the file. The values are not checked.
 * A broken sample yields a reason; its neighbours are read as usual.
 *
 * Neighbours in an object share a read, and reads are started ahead. A stack that must be read whole is read once for each
 * WINDOW refs, whose strain is kept until it is their turn. An object that is missing, or is not the ref's version, yields a
 * reason too. All other errors of the store are thrown.
 *
 * @param chooseTarget returns the array for the next sample's strain. Default: one array for all, so copy what you keep.
 */
export async function* readSamples(
  store: ObjectStore,
  refs: readonly SampleRef[],
  chooseTarget?: () => Strain,
): AsyncGenerator<SampleReading> {
  const own: Strain = new Float64Array(SAMPLE_SIZE);
  const target = chooseTarget ?? (() => own);
  for (let start = 0; start < refs.length; start += WINDOW) {
    yield* readInOrder(store, refs.slice(start, start + WINDOW), target);
  }
}

/** Refs that are read together. Their strain takes at most 100 MB, and less unless they are rows of stacks read whole. */
export const WINDOW = 1024;

async function* readInOrder(
  store: ObjectStore,
  refs: readonly SampleRef[],
  target: () => Strain,
): AsyncGenerator<SampleReading> {
  /** Samples that were read before their turn. A ref may have several turns. */
  const kept = new Map<SampleRef, SampleReading>();
  let next = 0;
  for await (const { read, bytes } of readAhead(store, planReads(refs))) {
    const content = unpackRead(read, bytes);
    for (const ref of read.refs) {
      const isNext = ref === refs[next];
      const strain = isNext ? target() : new Float64Array(SAMPLE_SIZE);
      const reason =
        typeof content === 'string' ? content : reasonFor(() => decode(ref, read, content, strain));
      const reading = reason === undefined ? { ref, strain } : { ref, reason };
      if (!isNext) {
        kept.set(ref, reading);
        continue;
      }
      yield reading;
      for (next += 1; kept.has(refs[next]!); next += 1) {
        const early = kept.get(refs[next]!)!;
        if (early.strain === undefined) yield early;
        else {
          const strain = target();
          strain.set(early.strain);
          yield { ref: early.ref, strain };
        }
      }
    }
  }
}

/** Reads several samples at a time, for callers that process many at once. */
export interface SampleReader {
  /**
   * Reads samples until every target holds a readable one.
   *
   * @returns for each sample read, in the order of the refs, the reason why it can't be read, or undefined if its strain is
   * in the next target. Empty when no samples are left.
   */
  read(targets: readonly Strain[]): Promise<(string | undefined)[]>;
}

/**
 * Reads the samples of `refs` in their order, with the results and errors of readSamples. If the store is a folder and all
 * samples are single files, they are read synchronously into the targets, so each is copied only once: from the page cache.
 *
 * The targets need STRAIN_MARGIN bytes on either side, which are overwritten as well.
 */
export function createSampleReader(store: ObjectStore, refs: readonly SampleRef[]): SampleReader {
  const { folder } = store;
  const files = refs.filter((ref) => ref.kind === 'npy');
  if (folder === undefined || files.length < refs.length) return createAheadReader(store, refs);
  const left = files.values();
  const readListed = createListedReader(store);
  return {
    async read(targets) {
      const reasons: (string | undefined)[] = [];
      for (let filled = 0; filled < targets.length; ) {
        const { value: ref } = left.next();
        if (ref === undefined) break;
        let reason = readFile(folder, ref, targets[filled]!);
        if (reason !== undefined && isAbsent(reason)) {
          reason = await retryFile(folder, readListed, ref, targets[filled]!);
        }
        reasons.push(reason);
        if (reason === undefined) filled += 1;
      }
      return reasons;
    },
  };
}

function createAheadReader(store: ObjectStore, refs: readonly SampleRef[]): SampleReader {
  let targets: readonly Strain[] = [];
  let filled = 0;
  const readings = readSamples(store, refs, () => targets[filled]!);
  return {
    async read(next) {
      targets = next;
      filled = 0;
      const reasons: (string | undefined)[] = [];
      while (filled < targets.length) {
        const { value, done } = await readings.next();
        if (done) break;
        reasons.push(value.reason);
        if (value.reason === undefined) filled += 1;
      }
      return reasons;
    },
  };
}

/** Returns the reason if the sample can't be read. */
function readFile(folder: LocalFolder, ref: FileRef, target: Strain): string | undefined {
  return reasonFor(() =>
    decodeSampleFile(folder.readInto(ref.key, memoryAround(target), ref.etag), ref.key, target),
  );
}

/** readFile with retries, for an object that was missing: a network file system may be away for a moment. */
async function retryFile(
  folder: LocalFolder,
  readListed: ReadListed,
  ref: FileRef,
  target: Strain,
): Promise<string | undefined> {
  const bytes = await readListed(async () => folder.readInto(ref.key, memoryAround(target), ref.etag));
  return typeof bytes === 'string' ? bytes : reasonFor(() => decodeSampleFile(bytes, ref.key, target));
}

/** The unpacked file of a stack that is read whole, once for all its rows, or the reason; for any other read, its bytes. */
function unpackRead({ refs: [first] }: Read, bytes: Uint8Array | string): Uint8Array | string {
  if (typeof bytes === 'string' || first?.kind !== 'pass' || first.array.zip === undefined) return bytes;
  const { zip } = first.array;
  let content = bytes;
  const reason = reasonFor(() => {
    content = unpackZipMember(bytes, zip, describePlace(first));
  });
  return reason ?? content;
}

/** `bytes` are those of the read; of a stack that is read whole, the unpacked file. Throws InputError if the sample is broken. */
function decode(ref: SampleRef, read: Read, bytes: Uint8Array, strain: Strain): void {
  const object = describePlace(ref);
  if (ref.kind === 'npy') decodeSampleFile(bytes, object, strain);
  else if (ref.kind === 'pass') decodeStackRow(bytes, ref.array.header, ref.row, object, strain);
  else {
    const start = ref.offset - read.offset;
    const own = bytes.subarray(start, start + ref.length);
    if (ref.kind === 'span') decodeSampleRow(own, ref.dtype, object, strain);
    else if (ref.kind === 'member') decodeSampleFile(own, object, strain);
    else decodeSampleFile(unpackZipMember(own, ref.zip, object), object, strain);
  }
}

/** Runs the work; returns the reason if an object is broken, missing or overwritten. Throws any other error. */
function reasonFor(work: () => void): string | undefined {
  try {
    work();
  } catch (error) {
    const reason = error instanceof InputError ? reasonOf(error) : reasonOfAbsence(error);
    if (reason === undefined) throw error;
    return reason;
  }
  return undefined;
}
