/** Which bytes to read for which samples: neighbours in one object share a read, and reads are started ahead. */
import type { ObjectStore } from '../storage/store.ts';
import { createListedReader } from './absence.ts';
import type { PassRef, SampleRef } from './sample-ref.ts';
import { FILE_READ } from './strain-array.ts';

/** One range of an object that holds the bytes of `refs`. */
export interface RangeRead {
  kind: 'range';
  key: string;
  etag: string | undefined;
  offset: number;
  length: number;
  refs: SampleRef[];
}

/** Rows of one array that is passed over. */
interface PassRead {
  kind: 'pass';
  refs: PassRef[];
}

export type Read = RangeRead | PassRead;

/** A read of neighbours isn't made longer than this. */
export const RANGE_LIMIT = 8 << 20;
/** Read through between neighbours: a tar header is 512 bytes, with long names and pax headers 2-3 KiB. */
const GAP_LIMIT = 4096;
/** Rows that come before their turn are held, in the worst case all of them: 100 MB. */
const PASS_LIMIT = 1024;

/** Enough reads to hide an object store's latency of 30 ms behind the work on the samples before. */
export const READS_AHEAD = 16;
/** No further read is started when those under way are so long: with one more, 16 MiB at most. */
export const BYTES_AHEAD = 8 << 20;

/** Cuts the refs, in their order, into reads. */
export function* planReads(refs: Iterable<SampleRef>): Generator<Read> {
  let read: Read | undefined;
  for (const ref of refs) {
    if (read !== undefined && extend(read, ref)) continue;
    if (read !== undefined) yield read;
    read = begin(ref);
  }
  if (read !== undefined) yield read;
}

function begin(ref: SampleRef): Read {
  if (ref.kind === 'pass') return { kind: 'pass', refs: [ref] };
  const { key, etag } = ref;
  if (ref.kind === 'npy') return { kind: 'range', key, etag, offset: 0, length: FILE_READ, refs: [ref] };
  return { kind: 'range', key, etag, offset: ref.offset, length: ref.length, refs: [ref] };
}

/** Adds the ref to the read if it lies right behind the read's last one. */
function extend(read: Read, ref: SampleRef): boolean {
  if (ref.kind === 'npy') return false;
  const last = read.refs.at(-1)!;
  if (last.key !== ref.key || last.etag !== ref.etag || last.kind !== ref.kind) return false;
  if (read.kind === 'pass') {
    if (ref.kind !== 'pass' || ref.array.offset !== read.refs[0]!.array.offset) return false;
    if (read.refs.length === PASS_LIMIT) return false;
    read.refs.push(ref);
    return true;
  }
  if (ref.kind === 'pass') return false;
  const gap = ref.offset - (read.offset + read.length);
  const length = ref.offset + ref.length - read.offset;
  if (gap < 0 || gap > GAP_LIMIT || length > RANGE_LIMIT) return false;
  read.refs.push(ref);
  read.length = length;
  return true;
}

/**
 * Carries reads out in order, with some under way ahead of the one that is yielded. `bytes` is the reason in place of
 * an object that isn't there as planned, and undefined for passes, which are the receiver's to make; it is good until
 * the next is asked for.
 * Throws what else the store throws.
 */
export async function* readAhead(
  store: ObjectStore,
  reads: Iterable<Read>,
): AsyncGenerator<{ read: Read; bytes: Uint8Array | string | undefined }> {
  const started: {
    read: Read;
    bytes: Promise<Uint8Array | string | undefined>;
    memory: Uint8Array | undefined;
  }[] = [];
  /** For reads of samples' own files, all of one length: new memory for each would cost as much as the read. */
  const spare: Uint8Array[] = [];
  const left = reads[Symbol.iterator]();
  const readListed = createListedReader(store);
  let ahead = 0;
  for (;;) {
    while (started.length < READS_AHEAD && ahead < BYTES_AHEAD) {
      const { value: read, done } = left.next();
      if (done) break;
      const memory = lengthOf(read) === FILE_READ ? (spare.pop() ?? new Uint8Array(FILE_READ)) : undefined;
      const bytes =
        read.kind === 'range' ? readListed(() => readRange(store, read, memory)) : Promise.resolve(undefined);
      // A failure is thrown when its turn comes; should the receiver have left by then, nobody is interested.
      bytes.catch(() => {});
      started.push({ read, bytes, memory });
      ahead += lengthOf(read);
    }
    const first = started.shift();
    if (first === undefined) return;
    const { read, bytes, memory } = first;
    ahead -= lengthOf(read);
    yield { read, bytes: await bytes };
    if (memory !== undefined) spare.push(memory);
  }
}

function lengthOf(read: Read): number {
  return read.kind === 'range' ? read.length : 0;
}

function readRange(
  store: ObjectStore,
  { key, etag, offset, length }: RangeRead,
  memory: Uint8Array | undefined,
): Promise<Uint8Array> {
  return store.read(key, { offset, length }, { ifMatch: etag, memory });
}
