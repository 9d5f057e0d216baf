import { basename, dirname } from 'node:path';
import { MachineError } from '../core/errors.ts';
import { folderIdentity } from './file/file-listing.ts';
import { createFileStore } from './file/file-store.ts';
import { findTarget } from './file/file-target.ts';
import type { ObjectStore } from './store.ts';

/** Whether the key names a device, a pipe or a descriptor such as /dev/stdout: there is no place for other files beside it. */
export function isStream({ folder }: ObjectStore, key: string): boolean {
  return folder !== undefined && findTarget(folder.path(key)).kind === 'stream';
}

/**
 * Throws MachineError if an object can't be written at the key: no permission, no bucket, no space, or a folder of that
 * name. Commands call it before hours of work whose output could not be written. Leaves only the parent folder behind.
 */
export async function probeWriting(store: ObjectStore, key: string): Promise<void> {
  if (store.folder === undefined) return probeBeside(store, key);
  const { kind, path } = findTarget(store.folder.path(key));
  if (kind === 'stream') return;
  if (folderIdentity(path) !== undefined)
    throw new MachineError(
      `cannot write ${path}: a folder with this name exists. Move it or choose another name`,
    );
  await probeBeside(createFileStore(dirname(path)), basename(path));
}

async function probeBeside(store: ObjectStore, key: string): Promise<void> {
  const probe = `${key}.probe`;
  await store.write(probe, Uint8Array.of(0));
  await store.remove(probe);
}
