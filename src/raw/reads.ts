/** Which bytes to read for which samples: neighbours in one object share a read, and reads are started ahead. */
import { NotFoundError } from '../errors.ts';
import type { ObjectStore } from '../storage/store.ts';
import type { PassRef, SampleRef } from './sample-ref.ts';
import { SAMPLE_FILE_SIZE } from './strain-array.ts';

/** One range of an object that holds the bytes of `refs`. */
export interface RangeRead {
  kind: 'range';
  key: string;
  offset: number;
  length: number;
  refs: SampleRef[];
}

/** Rows of one array that is passed over. */
export interface PassRead {
  kind: 'pass';
  refs: PassRef[];
}

export type Read = RangeRead | PassRead;

/** A read of neighbours isn't made longer than this. */
const RANGE_LIMIT = 8 << 20;
/** Read through between neighbours: a tar header is 512 bytes, with long names and pax headers 2-3 KiB. */
const GAP_LIMIT = 4096;
/** Rows that come before their turn are held, in the worst case all of them: 100 MB. */
const PASS_LIMIT = 1024;

/** Enough reads to hide an object store's latency of 30 ms behind the work on the samples before. */
const READS_AHEAD = 16;
const BYTES_AHEAD = 16 << 20;

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
  const { key } = ref;
  // One byte more than a sample's file has shows one that has grown, without reading all of it.
  if (ref.kind === 'npy') return { kind: 'range', key, offset: 0, length: SAMPLE_FILE_SIZE + 1, refs: [ref] };
  return { kind: 'range', key, offset: ref.offset, length: ref.length, refs: [ref] };
}

/** Adds the ref to the read if it lies right behind the read's last one. */
function extend(read: Read, ref: SampleRef): boolean {
  if (ref.kind === 'npy') return false;
  const last = read.refs.at(-1)!;
  if (last.key !== ref.key || last.kind !== ref.kind) return false;
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
 * Carries reads out in order, with some under way ahead of the one that is yielded. `bytes` is undefined for an
 * object that isn't there, and for passes, which are the receiver's to make. Throws what else the store throws.
 */
export async function* readAhead(
  store: ObjectStore,
  reads: Iterable<Read>,
): AsyncGenerator<{ read: Read; bytes: Uint8Array | undefined }> {
  const started: { read: Read; bytes: Promise<Uint8Array | undefined>; length: number }[] = [];
  let ahead = 0;
  const finish = async () => {
    const { read, bytes, length } = started.shift()!;
    ahead -= length;
    return { read, bytes: await bytes };
  };
  for (const read of reads) {
    const length = read.kind === 'range' ? read.length : 0;
    while (started.length >= READS_AHEAD || (started.length > 0 && ahead + length > BYTES_AHEAD))
      yield finish();
    const bytes = read.kind === 'range' ? readRange(store, read) : Promise.resolve(undefined);
    // A failure is thrown when its turn comes; should the receiver have left by then, nobody is interested.
    bytes.catch(() => {});
    started.push({ read, bytes, length });
    ahead += length;
  }
  while (started.length > 0) yield finish();
}

async function readRange(
  store: ObjectStore,
  { key, offset, length }: RangeRead,
): Promise<Uint8Array | undefined> {
  try {
    return await store.read(key, { offset, length });
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}
