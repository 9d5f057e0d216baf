/** Where one raw sample is stored. Refs are plain JSON, since plans with 560,000 of them are written to a store and read back. */
import type { InputError } from '../core/errors.ts';
import type { NpyHeader } from '../numpy/npy.ts';
import type { ZipPacking } from '../numpy/unzip.ts';

interface SamplePlace {
  id: string;
  key: string;
  /** Name inside the object, if the object is an archive. */
  member?: string;
  /** The version of the object that was catalogued. If set, no other version is read. */
  etag?: string;
}

/** A whole object: one .npy file, no larger than one sample. Its header is checked when it is read. */
export interface FileRef extends SamplePlace {
  kind: 'npy';
}

/** A .npy file inside an object (a tar member), or an object that had to be opened to tell what it holds. */
interface MemberRef extends SamplePlace {
  kind: 'member';
  offset: number;
  length: number;
}

/** A .npy file that is a member of a zip archive. The range starts at its local header. */
interface ZippedRef extends SamplePlace {
  kind: 'zipped';
  offset: number;
  length: number;
  zip: ZipPacking;
}

/** A row of a stack in C order: the sample's numbers without a header. */
interface SpanRef extends SamplePlace {
  kind: 'span';
  offset: number;
  length: number;
  dtype: string;
}

/** A row of a stack that must be read whole, since it is deflated or in Fortran order. */
export interface PassRef extends SamplePlace {
  kind: 'pass';
  row: number;
  array: {
    offset: number;
    length: number;
    /** Set if the array's file is a zip member. */
    zip?: ZipPacking;
    header: NpyHeader;
  };
}

export type SampleRef = FileRef | MemberRef | ZippedRef | SpanRef | PassRef;

/** A raw input that can't be used, with the columns of rejected.csv. */
export interface RawFault {
  /** Empty if it has none. */
  id: string;
  file: string;
  reason: string;
  /** The object that holds the input, or the folder that is named like a raw file. */
  key?: string | undefined;
}

/** @param key of the object that holds the input. */
export function rawFault(fault: InputError, key: string): RawFault {
  return { id: '', file: fault.fields.object, reason: reasonOf(fault), key };
}

/** Whether a text may be a sample's id (SAMPLE_ID_RULE). Ids are written to CSV files and records. */
export function isSampleId(text: string): boolean {
  return /^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}$/.test(text);
}

export const SAMPLE_ID_RULE = '1-64 letters, digits, _, - or ., not starting with a dot';

/** The sample's file in messages: its key, or `archive.tar!member.npy`. */
export function describePlace({ key, member }: Pick<SampleRef, 'key' | 'member'>): string {
  return member === undefined ? key : `${key}!${member}`;
}

/** The error as a reason for rejected.csv: one short line, without the file, which has its own column. */
export function reasonOf({ fields: { offset, found, needed } }: InputError): string {
  return `found ${found}${offset === undefined ? '' : ` at byte ${offset}`}, needed ${needed}`;
}
