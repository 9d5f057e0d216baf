/**
 * Finds the arrays in one raw object. Each array is one sample or a stack of samples. catalog.ts names them.
 *
 * A file no larger than one sample counts as one sample and is not opened, unless `open` is set. So 560,000 files are
 * catalogued from their listing alone, and archives from their headers. (A stack of two float32 samples has the size of
 * one float64 sample.)
 */
import { InputError } from '../core/errors.ts';
import { printable } from '../core/quote.ts';
import { checkFileLength, NPY_HEADER_LIMIT, npyDataLength, parseNpyHeader } from '../numpy/npy.ts';
import { locateZipData, MEMBER_START, unpackStart } from '../numpy/unzip.ts';
import { listZip, type ZipMember } from '../numpy/zip.ts';
import type { ObjectInfo, ObjectStore } from '../storage/store.ts';
import { describePlace, type PassedArray, type SampleRef } from './sample-ref.ts';
import { countSamples, SAMPLE_FILE_SIZE, sampleBytes } from './strain-array.ts';
import { readPackIndex } from './tar/pack.ts';
import { scanTar, type TarMember } from './tar/tar.ts';

export interface FoundArray {
  /** File name, from which a single sample gets its id. */
  name: string;
  /** Number of samples in a stack; undefined for an array of one sample. */
  rows?: number;
  refer(id: string, row: number): SampleRef;
}

export interface FindOptions {
  /** Also open files of the size of one sample. */
  open: boolean;
  /** Called for each array that can't be used; the other arrays of the object are still yielded. */
  onFault: (fault: InputError) => void;
}

/** Archives with more members are refused, since the members are held in memory. */
const MEMBER_LIMIT = 1_000_000;
/** Characters. Names go into plans, messages and rejected.csv. */
const NAME_LIMIT = 1024;
/**
 * Bytes of the largest stack that is read whole: 2,730 float64 samples. A worker holds it packed and unpacked, and perhaps the
 * next one packed.
 */
const WHOLE_LIMIT = 256 << 20;

/** Yields the arrays of an object in groups. The key's extension decides the format; other keys yield nothing. */
export async function* findArrays(
  store: ObjectStore,
  info: ObjectInfo,
  options: FindOptions,
): AsyncGenerator<FoundArray[]> {
  const { key, size } = info;
  const kind = rawKind(key);
  try {
    if (kind === 'npy') yield [await findPlain(store, { key, offset: 0, length: size }, options.open)];
    else if (kind === 'tar') yield* findInTar(store, info, options);
    else if (kind === 'npz') yield* findInZip(store, info, options);
    else if (kind === 'packed') {
      const advice = 'Decompress it: samples inside a gzip file cannot be read on their own';
      throw new InputError({ object: key, found: 'a gzip file', needed: 'an uncompressed file', advice });
    }
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    options.onFault(error);
  }
}

/** Files that chirpline itself writes to records and models folders, which may be inside the raw folder. */
const OWN_OUTPUT = /(^|\/)(_work\/.*|([^/]*_)?avg_psd\.npz|[^/]*_weights\.npz)$/;

/**
 * The format of a raw object, by its key's extension; undefined for any other object. Hidden files (macOS' `._x.npy`),
 * average PSDs, weights and files in `_work/` are not raw data.
 */
export function rawKind(key: string): 'npy' | 'npz' | 'tar' | 'packed' | undefined {
  const extension = /\.(npy|npz|tar|tgz|tar\.gz|npy\.gz)$/.exec(key)?.[1];
  if (extension === undefined || key[key.lastIndexOf('/') + 1] === '.') return undefined;
  if ((extension === 'npz' || key.includes('_work/')) && OWN_OUTPUT.test(key)) return undefined;
  return extension === 'npy' || extension === 'npz' || extension === 'tar' ? extension : 'packed';
}

interface Place {
  key: string;
  member?: string;
  offset: number;
  length: number;
}

/** A .npy file of one sample, stored in the object uncompressed. */
function describeSingle(place: Place): FoundArray {
  const { key, member, length } = place;
  return {
    name: member ?? key,
    refer: (id) =>
      member === undefined && length <= SAMPLE_FILE_SIZE
        ? { id, key, kind: 'npy' }
        : { id, ...place, kind: 'member' },
  };
}

/** A .npy file of one sample or of a stack, stored in the object uncompressed. */
async function findPlain(store: ObjectStore, place: Place, open: boolean): Promise<FoundArray> {
  const { key, offset, length } = place;
  const small = length <= SAMPLE_FILE_SIZE;
  const single = describeSingle(place);
  if (small && !open) return single;
  const object = describePlace(place);
  try {
    const header = parseNpyHeader(
      await store.read(key, { offset, length: Math.min(length, NPY_HEADER_LIMIT) }),
      object,
    );
    checkFileLength(header, length, object);
    const rows = countSamples(header, object);
    if (rows === undefined) return single;
    if (header.fortranOrder) return describePassStack(place, { offset, length, header }, object);
    return describeSpanStack(place, offset + header.dataOffset, header.dtype, rows);
  } catch (error) {
    // Reading the sample will find the same fault and reject this sample alone.
    if (small && error instanceof InputError) return single;
    throw error;
  }
}

/** A stack whose rows can be read one by one. */
function describeSpanStack({ key, member }: Place, start: number, dtype: string, rows: number): FoundArray {
  const length = sampleBytes(dtype);
  const common = { key, ...(member !== undefined && { member }), dtype, length };
  return {
    name: member ?? key,
    rows,
    refer: (id, row) => ({ id, kind: 'span', ...common, offset: start + row * length }),
  };
}

/** A stack that must be read whole, since it is deflated or in Fortran order. */
function describePassStack({ key, member }: Place, array: PassedArray, object: string): FoundArray {
  const { zip, header } = array;
  const size = npyDataLength(header);
  if (size > WHOLE_LIMIT) {
    const found = `a ${zip?.deflated ? 'compressed' : 'Fortran-order'} stack of ${size} bytes`;
    const needed = `at most ${WHOLE_LIMIT}, or an uncompressed stack in C order`;
    const advice = 'Save numpy.ascontiguousarray(stack) by numpy.save or numpy.savez';
    throw new InputError({ object, found, needed, advice });
  }
  return {
    name: member ?? key,
    rows: header.shape[0]!,
    refer: (id, row) => ({ id, kind: 'pass', key, ...(member !== undefined && { member }), row, array }),
  };
}

async function* findInTar(
  store: ObjectStore,
  info: ObjectInfo,
  { open, onFault }: FindOptions,
): AsyncGenerator<FoundArray[]> {
  const { key, size } = info;
  const packed = await readPackIndex(store, info);
  if (packed !== undefined) {
    checkCount(key, packed.length);
    const found: FoundArray[] = [];
    for (const member of packed) {
      const place = placeMember(key, member, onFault);
      if (place === undefined) continue;
      // Even with `open`: upload --pack packs single samples, and opening each member would cost a thousand reads.
      const single = place.length <= SAMPLE_FILE_SIZE;
      const array = single ? describeSingle(place) : await findMember(store, place, open, onFault);
      if (array !== undefined) found.push(array);
    }
    yield found;
    return;
  }
  let count = 0;
  for await (const member of scanTar(store, key, size)) {
    count += 1;
    checkCount(key, count);
    const place = placeMember(key, member, onFault);
    const array = place && (await findMember(store, place, open, onFault));
    if (array !== undefined) yield [array];
  }
}

async function findMember(
  store: ObjectStore,
  place: Place,
  open: boolean,
  onFault: (fault: InputError) => void,
): Promise<FoundArray | undefined> {
  try {
    return await findPlain(store, place, open);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    onFault(error);
    return undefined;
  }
}

function checkCount(key: string, count: number): void {
  if (count <= MEMBER_LIMIT) return;
  throw new InputError({ object: key, found: 'too many members', needed: `at most ${MEMBER_LIMIT}` });
}

/** Where a tar member is stored. Undefined if it isn't raw data, or can't be used: then onFault is called. */
function placeMember(
  key: string,
  { name: member, offset, size: length, oddity }: TarMember,
  onFault: (fault: InputError) => void,
): Place | undefined {
  if (rawKind(member) !== 'npy') return undefined;
  try {
    checkMemberName(key, member);
    if (oddity === undefined) return { key, member, offset, length };
    throw new InputError({ object: describePlace({ key, member }), found: oddity, needed: 'a regular file' });
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    onFault(error);
    return undefined;
  }
}

/** No file is ever written under a member's name, but an archive with such names is not a dataset. */
function checkMemberName(key: string, member: string): void {
  const object = describePlace({ key, member: printable(member) });
  if (/^([/\\]|[A-Za-z]:)/.test(member) || member.split(/[/\\]/).includes('..')) {
    throw new InputError({ object, found: 'a path that leaves the archive', needed: 'a path inside it' });
  }
  if (member.length > NAME_LIMIT || /\p{Cc}/u.test(member)) {
    throw new InputError({
      object,
      found: 'an invalid member name',
      needed: `at most ${NAME_LIMIT} characters, no control characters`,
    });
  }
}

async function* findInZip(
  store: ObjectStore,
  { key, size }: ObjectInfo,
  options: FindOptions,
): AsyncGenerator<FoundArray[]> {
  const source = { size, read: (offset: number, length: number) => store.read(key, { offset, length }) };
  for (const member of await listZip(source, key, MEMBER_LIMIT)) {
    if (rawKind(member.name) !== 'npy') continue;
    try {
      checkMemberName(key, member.name);
      yield [await findZipped(store, key, member, options.open)];
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      options.onFault(error);
    }
  }
}

async function findZipped(
  store: ObjectStore,
  key: string,
  found: ZipMember,
  open: boolean,
): Promise<FoundArray> {
  const { name: member, offset, length, packed, size, crc, deflated } = found;
  const place = { key, member, offset, length };
  const object = describePlace(place);
  const zip = { packed, size, crc, deflated };
  const single: FoundArray = { name: member, refer: (id) => ({ id, ...place, kind: 'zipped', zip }) };
  const small = size <= SAMPLE_FILE_SIZE;
  // Deflate lengthens data by a thousandth at most. Longer members hold padding, which every read would fetch.
  if (packed > size + 4096) {
    throw new InputError({
      object,
      found: `${packed} compressed bytes`,
      needed: `no more than the uncompressed ${size} bytes`,
    });
  }
  if (small && !open) return single;
  try {
    const start = await store.read(key, { offset, length: Math.min(length, MEMBER_START) });
    const header = parseNpyHeader(unpackStart(start, deflated, object), object);
    checkFileLength(header, size, object);
    const rows = countSamples(header, object);
    if (rows === undefined) return single;
    if (deflated || header.fortranOrder)
      return describePassStack(place, { offset, length, zip, header }, object);
    const dataOffset = offset + locateZipData(start, object) + header.dataOffset;
    return describeSpanStack(place, dataOffset, header.dtype, rows);
  } catch (error) {
    if (small && error instanceof InputError) return single;
    throw error;
  }
}
