/** Where one raw sample lies. Plain JSON, since plans of 560,000 of them are written to a store and read back. */
import type { InputError } from '../core/errors.ts';
import type { NpyHeader } from '../numpy/npy.ts';
import type { ZipPacking } from '../numpy/unzip.ts';

interface SamplePlace {
  id: string;
  /** The object. */
  key: string;
  /** Name inside the object, where that is an archive. */
  member?: string;
  /** The version of the object that was catalogued; no other is read then. */
  etag?: string;
}

/** A whole object: one .npy file of a standard size. Its header is checked when it is read. */
export interface FileRef extends SamplePlace {
  kind: 'npy';
}

/** A .npy file inside an object (a tar member), or an object that had to be opened to know what it is. */
interface MemberRef extends SamplePlace {
  kind: 'member';
  offset: number;
  length: number;
}

/** A .npy file that is a member of a zip archive: the bytes from its local header on. */
interface ZippedRef extends SamplePlace {
  kind: 'zipped';
  offset: number;
  length: number;
  zip: ZipPacking;
}

/** A row of a stacked array, C order: the sample's numbers without any header. */
interface SpanRef extends SamplePlace {
  kind: 'span';
  offset: number;
  length: number;
  dtype: string;
}

/** A row of a stacked array that can only be had by passing over the array: it is deflated, or in Fortran order. */
export interface PassRef extends SamplePlace {
  kind: 'pass';
  row: number;
  array: PassedArray;
}

export interface PassedArray {
  offset: number;
  length: number;
  /** If the array's file is a zip member. */
  zip?: ZipPacking;
  header: NpyHeader;
}

export type SampleRef = FileRef | MemberRef | ZippedRef | SpanRef | PassRef;

/** Something among the raw data that could not be used; has the columns of rejected.csv. */
export interface RawFault {
  /** Empty where it has none. */
  id: string;
  file: string;
  reason: string;
  /** The object that it was found in or by. */
  key?: string | undefined;
}

/**
 * Ids become names in CSV files and records: 1-64 letters, digits, `_`, `-` and `.`, not starting with a dot.
 */
export function isSampleId(text: string): boolean {
  return /^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}$/.test(text);
}

export const SAMPLE_ID_RULE = '1-64 letters, digits, _ - or . (not first)';

/** What a person calls the sample's file: its key, or `archive.tar!member.npy`. */
export function describePlace({ key, member }: Pick<SampleRef, 'key' | 'member'>): string {
  return member === undefined ? key : `${key}!${member}`;
}

/** The error as a reason in one short line; the file has a column of its own. */
export function reasonOf({ fields: { offset, found, needed } }: InputError): string {
  return `found ${found}${offset === undefined ? '' : ` at byte ${offset}`}, needed ${needed}`;
}
