/** Plans and runs the reads for a list of samples: neighbours in one object share a read, and reads start ahead of use. */
import type { ByteRange, ObjectStore } from '../storage/store.ts';
import { createListedReader } from './absence.ts';
import type { SampleRef } from './sample-ref.ts';
import { FILE_READ } from './strain-array.ts';

/** One range of an object that holds the bytes of `refs`. */
export interface Read {
  key: string;
  etag: string | undefined;
  offset: number;
  length: number;
  refs: SampleRef[];
}

/** Bytes. Longest read that neighbours share. */
export const RANGE_LIMIT = 8 << 20;
/** Bytes between neighbours that are read too: a tar header has 512 bytes, with long names and pax headers 2-3 KiB. */
const GAP_LIMIT = 4096;

/** Reads under way at once: enough to hide an object store's latency of 30 ms behind the work on earlier samples. */
const READS_AHEAD = 16;
/** Once the reads under way have this many bytes in total, no further read starts: so they have at most 16 MiB. */
const BYTES_AHEAD = 8 << 20;

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
  const { offset, length } = rangeOf(ref);
  return { key: ref.key, etag: ref.etag, offset, length, refs: [ref] };
}

function rangeOf(ref: SampleRef): ByteRange {
  if (ref.kind === 'npy') return { offset: 0, length: FILE_READ };
  return ref.kind === 'pass' ? ref.array : ref;
}

/** Adds the ref to the read if it is in the same array, or follows the read's last ref closely enough. Returns whether it did. */
function extend(read: Read, ref: SampleRef): boolean {
  const last = read.refs.at(-1)!;
  if (ref.kind === 'npy' || last.key !== ref.key || last.etag !== ref.etag || last.kind !== ref.kind)
    return false;
  const { offset, length } = rangeOf(ref);
  const gap = offset - (read.offset + read.length);
  const whole = offset + length - read.offset;
  const isNeighbour = gap >= 0 && gap <= GAP_LIMIT && whole <= RANGE_LIMIT;
  if (ref.kind === 'pass' ? offset !== read.offset : !isNeighbour) return false;
  read.refs.push(ref);
  read.length = whole;
  return true;
}

/**
 * Runs the reads in order, and starts later ones ahead of the one that is yielded. `bytes` is a string, the reason, when
 * the object is missing or was overwritten. `bytes` are valid until the next read is requested. Throws all other errors of
 * the store.
 */
export async function* readAhead(
  store: ObjectStore,
  reads: Iterable<Read>,
): AsyncGenerator<{ read: Read; bytes: Uint8Array | string }> {
  const started: {
    read: Read;
    bytes: Promise<Uint8Array | string>;
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
      const memory = read.length === FILE_READ ? (spare.pop() ?? new Uint8Array(FILE_READ)) : undefined;
      const bytes = readListed(() => readRange(store, read, memory));
      // A failure is thrown when this read is awaited. If the consumer stops earlier, the failure doesn't matter.
      bytes.catch(() => {});
      started.push({ read, bytes, memory });
      ahead += read.length;
    }
    const first = started.shift();
    if (first === undefined) return;
    const { read, bytes, memory } = first;
    ahead -= read.length;
    yield { read, bytes: await bytes };
    if (memory !== undefined) spare.push(memory);
  }
}

function readRange(
  store: ObjectStore,
  { key, etag, offset, length }: Read,
  memory: Uint8Array | undefined,
): Promise<Uint8Array> {
  return store.read(key, { offset, length }, { ifMatch: etag, memory });
}
