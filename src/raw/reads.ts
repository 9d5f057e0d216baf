/** Plans and runs the reads for a list of samples: neighbours in one object share a read, and reads start ahead of use. */
import { groupBy } from '../core/group-by.ts';
import type { ByteRange, ObjectStore } from '../storage/store.ts';
import { createListedReader } from './absence.ts';
import type { PassRef, SampleRef } from './sample-ref.ts';
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

/**
 * Cuts the refs, in their order, into reads. A stack that must be read whole is one read, with all its refs, where the first of
 * them is.
 */
export function* planReads(refs: readonly SampleRef[]): Generator<Read> {
  const stacks = groupBy(
    refs.filter((ref) => ref.kind === 'pass'),
    stackOf,
  );
  let read: Read | undefined;
  for (const ref of refs) {
    if (ref.kind === 'pass') {
      const stack = stacks.get(stackOf(ref));
      if (stack === undefined) continue;
      stacks.delete(stackOf(ref));
      if (read !== undefined) yield read;
      read = undefined;
      yield { ...startRead(ref), refs: stack };
    } else if (read === undefined || !extend(read, ref)) {
      if (read !== undefined) yield read;
      read = startRead(ref);
    }
  }
  if (read !== undefined) yield read;
}

const stackOf = (ref: PassRef): string => `${ref.array.offset} ${ref.etag} ${ref.key}`;

function startRead(ref: SampleRef): Read {
  const { offset, length } = rangeOf(ref);
  return { key: ref.key, etag: ref.etag, offset, length, refs: [ref] };
}

function rangeOf(ref: SampleRef): ByteRange {
  if (ref.kind === 'npy') return { offset: 0, length: FILE_READ };
  return ref.kind === 'pass' ? ref.array : ref;
}

/** Adds the ref to the read if it follows the read's last ref closely enough. Returns whether it did. */
function extend(read: Read, ref: Exclude<SampleRef, PassRef>): boolean {
  const last = read.refs.at(-1)!;
  if (ref.kind === 'npy' || last.kind !== ref.kind) return false;
  if (last.key !== ref.key || last.etag !== ref.etag) return false;
  const { offset, length } = rangeOf(ref);
  const gap = offset - (read.offset + read.length);
  const whole = offset + length - read.offset;
  if (gap < 0 || gap > GAP_LIMIT || whole > RANGE_LIMIT) return false;
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
