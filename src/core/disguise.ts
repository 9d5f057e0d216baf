/**
 * What files often are instead of what their names say: a pointer in place of data that wasn't fetched, a compressed file, a web
 * page. Readers ask for it when the bytes aren't what they need.
 */
import { InputError } from './errors.ts';

interface Disguise {
  /** First bytes of such files, as Latin-1. */
  starts: readonly string[];
  found: string;
  /** How to get the file that was needed. */
  advice: string;
}

/** Bytes at the start of a file that are looked at, at most. */
export const DISGUISE_LENGTH = 64;

const DISGUISES: readonly Disguise[] = [
  {
    starts: ['version https://git-lfs'],
    found: 'a Git LFS pointer instead of the file',
    advice: 'Fetch the file itself (git lfs pull)',
  },
  {
    starts: ['/annex/objects/'],
    found: 'a git-annex pointer instead of the file',
    advice: 'Fetch the file itself (git annex get)',
  },
  { starts: ['PK\x03\x04', 'PK\x05\x06'], found: 'a zip archive', advice: 'Unpack it first (unzip)' },
  { starts: ['\x1f\x8b'], found: 'a gzip file', advice: 'Decompress it first (gzip -dc FILE > NEW)' },
  { starts: ['BZh'], found: 'a bzip2 file', advice: 'Decompress it first (bzip2 -dc FILE > NEW)' },
  { starts: ['\xfd7zXZ'], found: 'an xz file', advice: 'Decompress it first (xz -dc FILE > NEW)' },
  { starts: ['\x28\xb5\x2f\xfd'], found: 'a zstd file', advice: 'Decompress it first (zstd -dc FILE > NEW)' },
  {
    starts: ['x\x01', 'x\x9c', 'x\xda'],
    found: 'data compressed by zlib',
    advice: 'Write it again without compression',
  },
  {
    starts: ['<!doctype html', '<!DOCTYPE html', '<!DOCTYPE HTML', '<html', '<HTML'],
    found: 'a web page',
    advice: 'Download the file again: the page may say why that failed',
  },
  { starts: ['\xff\xfe', '\xfe\xff'], found: 'text in UTF-16', advice: 'Save it as UTF-8' },
];

/** Throws InputError, with advice, if the file that starts with these bytes is a known kind of something else. */
export function refuseDisguise(start: Uint8Array, object: string, needed: string): void {
  const text = Buffer.from(start.subarray(0, DISGUISE_LENGTH)).toString('latin1').trimStart();
  const disguise = DISGUISES.find(({ starts }) => starts.some((bytes) => text.startsWith(bytes)));
  if (disguise !== undefined) {
    const { found, advice } = disguise;
    throw new InputError({ object, found, needed, advice });
  }
}
