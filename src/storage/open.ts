import { SettingError } from '../core/errors.ts';
import { createFileStore } from './file/file-store.ts';
import { createS3Store } from './s3/s3-store.ts';
import type { ObjectStore } from './store.ts';

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
export function isBucketName(name: string): boolean {
  return /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name);
}

/**
 * The store at a location given by the user: `s3://bucket`, `s3://bucket/prefix`, or the path of a folder. Does no I/O
 * yet. Throws SettingError when the location is neither.
 *
 * @example
 * import { openStore } from 'chirpline';
 *
 * for await (const { key, size } of openStore('records').list('train-')) console.log(key, size);
 */
export function openStore(location: string): ObjectStore {
  const url = /^([a-z][a-z0-9+.-]+):\/\/([^/]*)\/?(.*)$/is.exec(location);
  if (url === null) {
    if (location === '' || location.includes('\0')) {
      throw new SettingError(
        `${JSON.stringify(location)} is not a location: give a folder or s3://bucket/prefix`,
      );
    }
    return createFileStore(location);
  }
  const [, scheme = '', bucket = '', prefix = ''] = url;
  if (scheme !== 's3')
    throw new SettingError(`${location}: give a folder or s3://bucket/prefix, not ${scheme}://`);
  if (!isBucketName(bucket)) {
    throw new SettingError(`${location}: "${bucket}" is not a valid name of an S3 bucket`);
  }
  return createS3Store({ bucket, prefix });
}
