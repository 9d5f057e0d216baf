/**
 * The arrays in one raw object: each is a sample or a stack of them, not yet named.
 *
 * What has the size of one sample at most is taken for one without a look into it, unless `open` says otherwise:
 * 560,000 files are catalogued from their listing, and archives from their headers. (A stack of two float32
 * samples has the size of one float64 sample.)
 */
import { InputError } from '../core/errors.ts';
import { printable } from '../core/quote.ts';
import { checkFileLength, NPY_HEADER_LIMIT, npyDataLength, parseNpyHeader } from '../numpy/npy.ts';
import { LOCAL_HEADER_SIZE, locateZipData } from '../numpy/unzip.ts';
import { listZip, type ZipMember } from '../numpy/zip.ts';
import type { ObjectInfo, ObjectStore } from '../storage/store.ts';
import { describePlace, type PassedArray, type SampleRef } from './sample-ref.ts';
import { FORTRAN_LIMIT, streamArray } from './scattered-rows.ts';
import { countSamples, SAMPLE_FILE_SIZE, sampleBytes } from './strain-array.ts';
import { readPackIndex } from './tar/pack.ts';
import { scanTar, type TarMember } from './tar/tar.ts';

export interface FoundArray {
  /** File name that names the sample of a single array. */
  name: string;
  /** Samples of a stack; undefined for an array of one sample. */
  rows?: number;
  refer(id: string, row: number): SampleRef;
}

export interface FindOptions {
  /** Look also into what has the size of one sample. */
  open: boolean;
  /** Called with what can't be used; what else the object holds comes all the same. */
  onFault: (fault: InputError) => void;
}

/** An archive of more members is refused: they are held in memory. */
const MEMBER_LIMIT = 1_000_000;
/** Names go into plans, messages and rejected.csv. */
const NAME_LIMIT = 1024;
/** Strain deflates to a fifth at best; a stack that shrinks to less than this share is a bomb of zeros. */
const BOMB_RATIO = 200;
const BOMB_SIZE = 64 << 20;

/** The arrays in an object, by the extension of its key, those found at a time; none for keys that aren't raw data. */
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
      const advice = 'Its members can only be read from an archive that is not compressed as a whole';
      throw new InputError({ object: key, found: 'a gzip file', needed: 'it unpacked', advice });
    }
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    options.onFault(error);
  }
}

/** What chirpline itself leaves in records and models, which may lie below the raw samples. */
const OWN_OUTPUT = /(^|\/)(_work\/.*|([^/]*_)?avg_psd\.npz|[^/]*_weights\.npz)$/;

/**
 * What a key is by its extension; undefined for what isn't raw data. Hidden files (`._x.npy` of macOS) aren't, nor are
 * average PSDs, weights and what lies in `_work/`.
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

/** A .npy file of one sample, whose bytes lie in the object as they are. */
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

/** A .npy file of any kind. */
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
    if (header.fortranOrder) return findPassed(place, { offset, length, header }, object);
    return findSpans(place, offset + header.dataOffset, header.dtype, rows);
  } catch (error) {
    // What is wrong with a single sample is found, and kept apart from its neighbours, when it is read.
    if (small && error instanceof InputError) return single;
    throw error;
  }
}

/** A stack whose samples lie one behind the other. */
function findSpans({ key, member }: Place, start: number, dtype: string, rows: number): FoundArray {
  const length = sampleBytes(dtype);
  const common = { key, ...(member !== undefined && { member }), dtype, length };
  return {
    name: member ?? key,
    rows,
    refer: (id, row) => ({ id, kind: 'span', ...common, offset: start + row * length }),
  };
}

function findPassed({ key, member }: Place, array: PassedArray, object: string): FoundArray {
  const { zip, header } = array;
  if (header.fortranOrder && npyDataLength(header) > FORTRAN_LIMIT) {
    throw new InputError({
      object,
      found: `a stack in Fortran order of ${npyDataLength(header)} bytes`,
      needed: `at most ${FORTRAN_LIMIT}, or C order`,
      advice: 'Save numpy.ascontiguousarray(stack)',
    });
  }
  if (zip !== undefined && zip.size > BOMB_SIZE && zip.size > zip.packed * BOMB_RATIO) {
    const found = `${zip.size} bytes packed in ${zip.packed}`;
    throw new InputError({ object, found, needed: `at most ${BOMB_RATIO} times the packed size` });
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
      // Who packed the files took each for one sample; a thousand headers would be read to be told the same.
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
  throw new InputError({ object: key, found: 'more members', needed: `at most ${MEMBER_LIMIT}` });
}

/** Where a member of a tar that is raw data lies; undefined of others, and of those that can't be used. */
function placeMember(
  key: string,
  { name: member, offset, size: length, oddity }: TarMember,
  onFault: (fault: InputError) => void,
): Place | undefined {
  if (rawKind(member) !== 'npy') return undefined;
  try {
    checkMemberName(key, member);
    if (oddity === undefined) return { key, member, offset, length };
    throw new InputError({ object: describePlace({ key, member }), found: oddity, needed: 'a plain file' });
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    onFault(error);
    return undefined;
  }
}

/** Nothing is ever written under a member's name, but who packs such names doesn't pack samples. */
function checkMemberName(key: string, member: string): void {
  const object = describePlace({ key, member: printable(member) });
  if (/^([/\\]|[A-Za-z]:)/.test(member) || member.split(/[/\\]/).includes('..')) {
    throw new InputError({ object, found: 'a path out of the archive', needed: 'a path inside it' });
  }
  if (member.length > NAME_LIMIT || /\p{Cc}/u.test(member)) {
    throw new InputError({
      object,
      found: 'its name',
      needed: `at most ${NAME_LIMIT} letters, none for control`,
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
  // Deflate makes nothing longer than by a thousandth; padding that is would be read with every sample.
  if (packed > size + 4096) {
    throw new InputError({
      object,
      found: `${packed} packed bytes`,
      needed: `no more than the ${size} unpacked ones`,
    });
  }
  if (small && !open) return single;
  try {
    const parts: Uint8Array[] = [];
    let got = 0;
    for await (const chunk of streamArray(store, key, { offset, length, zip }, object)) {
      parts.push(chunk);
      got += chunk.length;
      if (got >= NPY_HEADER_LIMIT) break;
    }
    const header = parseNpyHeader(Buffer.concat(parts), object);
    checkFileLength(header, size, object);
    const rows = countSamples(header, object);
    if (rows === undefined) return single;
    if (deflated || header.fortranOrder) return findPassed(place, { offset, length, zip, header }, object);
    const start =
      offset + locateZipData(await store.read(key, { offset, length: LOCAL_HEADER_SIZE }), object);
    return findSpans(place, start + header.dataOffset, header.dtype, rows);
  } catch (error) {
    if (small && error instanceof InputError) return single;
    throw error;
  }
}
