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
import { locateZipData, MEMBER_START, unpackStart, type ZipPacking } from '../numpy/unzip.ts';
import { listZip } from '../numpy/zip.ts';
import type { ObjectInfo, ObjectStore } from '../storage/store.ts';
import { describePlace, type SampleRef } from './sample-ref.ts';
import { countSamples, SAMPLE_FILE_SIZE, sampleBytes } from './strain-array.ts';
import { readPackIndex } from './tar/pack.ts';
import { scanTar } from './tar/tar.ts';

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
  /** Called for each array that can't be used; the other arrays of the object are still returned. */
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

/** The arrays of an object. The key's extension decides the format; other keys have none. */
export async function findArrays(
  store: ObjectStore,
  info: ObjectInfo,
  { open, onFault }: FindOptions,
): Promise<FoundArray[]> {
  const { key, size } = info;
  const kind = rawKind(key);
  const found: FoundArray[] = [];

  async function reportFaults(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      onFault(error);
    }
  }

  async function findInTar(): Promise<void> {
    const packed = await readPackIndex(store, info);
    let count = 0;
    for await (const { name: member, offset, size: length, oddity } of packed ?? scanTar(store, key, size)) {
      count += 1;
      if (count > MEMBER_LIMIT) {
        throw new InputError({ object: key, found: 'too many members', needed: `at most ${MEMBER_LIMIT}` });
      }
      if (rawKind(member) !== 'npy') continue;
      await reportFaults(async () => {
        checkMemberName(key, member);
        const place = { key, member, offset, length };
        if (oddity !== undefined)
          throw new InputError({ object: describePlace(place), found: oddity, needed: 'a regular file' });
        // Even with `open`: upload --pack packs single samples, and opening each member would cost a thousand reads.
        const single = packed !== undefined && length <= SAMPLE_FILE_SIZE;
        found.push(single ? describeSingle(place) : await findArray(store, place, open));
      });
    }
  }

  async function findInZip(): Promise<void> {
    const source = { size, read: (offset: number, length: number) => store.read(key, { offset, length }) };
    for (const member of await listZip(source, key, MEMBER_LIMIT)) {
      if (rawKind(member.name) !== 'npy') continue;
      await reportFaults(async () => {
        checkMemberName(key, member.name);
        const { name, offset, length, packed, size: unpacked, crc, deflated } = member;
        const zip = { packed, size: unpacked, crc, deflated };
        found.push(await findArray(store, { key, member: name, offset, length }, open, zip));
      });
    }
  }

  await reportFaults(async () => {
    if (kind === 'npy') found.push(await findArray(store, { key, offset: 0, length: size }, open));
    else if (kind === 'tar') await findInTar();
    else if (kind === 'npz') await findInZip();
    else if (kind === 'packed') {
      const advice = 'Decompress it: samples inside a gzip file cannot be read on their own';
      throw new InputError({ object: key, found: 'a gzip file', needed: 'an uncompressed file', advice });
    }
  });
  return found;
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

/** A .npy file of one sample. */
function describeSingle(place: Place, zip?: ZipPacking): FoundArray {
  const { key, member, length } = place;
  return {
    name: member ?? key,
    refer(id) {
      if (zip !== undefined) return { id, ...place, kind: 'zipped', zip };
      const whole = member === undefined && length <= SAMPLE_FILE_SIZE;
      return whole ? { id, key, kind: 'npy' } : { id, ...place, kind: 'member' };
    },
  };
}

/** A .npy file of one sample or of a stack, stored in the object as it is or as a zip member. */
async function findArray(
  store: ObjectStore,
  place: Place,
  open: boolean,
  zip?: ZipPacking,
): Promise<FoundArray> {
  const { key, member, offset, length } = place;
  const size = zip?.size ?? length;
  const small = size <= SAMPLE_FILE_SIZE;
  const single = describeSingle(place, zip);
  const object = describePlace(place);
  // Deflate lengthens data by a thousandth at most. Longer members hold padding, which every read would fetch.
  if (zip !== undefined && zip.packed > size + 4096) {
    const found = `${zip.packed} compressed bytes`;
    throw new InputError({ object, found, needed: `no more than the uncompressed ${size} bytes` });
  }
  if (small && !open) return single;
  try {
    const limit = zip === undefined ? NPY_HEADER_LIMIT : MEMBER_START;
    const start = await store.read(key, { offset, length: Math.min(length, limit) });
    const header = parseNpyHeader(
      zip === undefined ? start : unpackStart(start, zip.deflated, object),
      object,
    );
    checkFileLength(header, size, object);
    const rows = countSamples(header, object);
    if (rows === undefined) return single;
    const common = { key, ...(member !== undefined && { member }) };
    if (header.fortranOrder || zip?.deflated) {
      checkWholeSize(npyDataLength(header), zip?.deflated === true, object);
      const array = { offset, length, ...(zip && { zip }), header };
      return { name: single.name, rows, refer: (id, row) => ({ id, kind: 'pass', ...common, row, array }) };
    }
    const { dtype, dataOffset } = header;
    const first = offset + (zip === undefined ? 0 : locateZipData(start, object)) + dataOffset;
    const span = { ...common, dtype, length: sampleBytes(dtype) };
    return {
      name: single.name,
      rows,
      refer: (id, row) => ({ id, kind: 'span', ...span, offset: first + row * span.length }),
    };
  } catch (error) {
    // Reading the sample will find the same fault and reject this sample alone.
    if (small && error instanceof InputError) return single;
    throw error;
  }
}

/** For a stack that must be read whole, since it is deflated or in Fortran order. */
function checkWholeSize(size: number, deflated: boolean, object: string): void {
  if (size <= WHOLE_LIMIT) return;
  throw new InputError({
    object,
    found: `a ${deflated ? 'compressed' : 'Fortran-order'} stack of ${size} bytes`,
    needed: `at most ${WHOLE_LIMIT}, or an uncompressed stack in C order`,
    advice: 'Save numpy.ascontiguousarray(stack) by numpy.save or numpy.savez',
  });
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
