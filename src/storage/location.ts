/** Parts of the locations that users give: a path, or s3://bucket/key. */
import { basename, resolve } from 'node:path';
import { SettingError } from '../core/errors.ts';

/** A file: the location of its folder, and its key in that folder. */
export interface FilePlace {
  folder: string;
  key: string;
}

/** Splits a file's location into its folder (or bucket and prefix) and its name. Throws SettingError when it names no file. */
export function splitLocation(file: string): FilePlace {
  const end = file.lastIndexOf('/');
  const key = file.slice(end + 1);
  if (/^\.{0,2}$/.test(key) || /^[a-z0-9+.-]+:\/\/[^/]*$/i.test(file)) {
    throw new SettingError(`${JSON.stringify(file)} is not a file: give its full path or s3://bucket/key`);
  }
  return { folder: end < 0 ? '.' : file.slice(0, end) || '/', key };
}

/** Appends path parts to a location, a folder or s3://. */
export function joinLocation(location: string, ...parts: string[]): string {
  return [location.replace(/\/+$/, ''), ...parts].join('/');
}

/** The last part of a location, which names the dataset stored there. */
export function datasetName(location: string): string {
  const path = location.replace(/\/+$/, '');
  return basename(path.includes('://') ? path : resolve(path)) || 'dataset';
}
