/** Plans and runs the reads for a list of samples: neighbours in one object share a read, and reads start ahead of use. */
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

/** Rows of one array that takes a pass over the whole array. */
interface PassRead {
  kind: 'pass';
  refs: PassRef[];
}

export type Read = RangeRead | PassRead;

/** Bytes. Longest read that neighbours share. */
export const RANGE_LIMIT = 8 << 20;
/** Bytes between neighbours that are read too: a tar header has 512 bytes, with long names and pax headers 2-3 KiB. */
const GAP_LIMIT = 4096;
/** Rows per pass. Rows that arrive before their turn are held, in the worst case all of them: 100 MB. */
const PASS_LIMIT = 1024;

/** Reads under way at once: enough to hide an object store's latency of 30 ms behind the work on earlier samples. */
export const READS_AHEAD = 16;
/** Once the reads under way have this many bytes in total, no further read starts: so they have at most 16 MiB. */
export const BYTES_AHEAD = 8 << 20;

/** Cuts the refs, in their order, into reads. */
export function* planReads(refs: Iterable<SampleRef>): Generator<Read> {
  let read: Read | undefined;
  for (const ref of refs) {
    if (read !== undefined && extend(read, ref)) continue;
    if (read !== undefined) yield read;
    read = startRead(ref);
  }
  if (read !== undefined) yield read;
}

function startRead(ref: SampleRef): Read {
  if (ref.kind === 'pass') return { kind: 'pass', refs: [ref] };
  const { key, etag } = ref;
  if (ref.kind === 'npy') return { kind: 'range', key, etag, offset: 0, length: FILE_READ, refs: [ref] };
  return { kind: 'range', key, etag, offset: ref.offset, length: ref.length, refs: [ref] };
}

/** Adds the ref to the read if it follows the read's last ref closely enough. Returns whether it did. */
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
 * Runs the reads in order, and starts later ones ahead of the one that is yielded. `bytes` is a string, the reason, when
 * the object is missing or was overwritten; it is undefined for a pass, which the consumer makes itself. `bytes` are valid
 * until the next read is requested. Throws all other errors of the store.
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
  /** Reused for reads of single files, all of one length: allocating memory would cost as much as reading. */
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
      // A failure is thrown when this read is awaited. If the consumer stops earlier, the failure doesn't matter.
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
