import { MachineError } from '../core/errors.ts';
import { folderIdentity } from './file/file-listing.ts';
import type { ObjectStore } from './store.ts';

/**
 * Throws MachineError if an object can't be written at the key: no permission, no bucket, no space, or a folder of that
 * name. Commands call it before hours of work whose output could not be written. Leaves only the parent folder behind.
 */
export async function probeWriting(store: ObjectStore, key: string): Promise<void> {
  const path = store.folder?.path(key);
  if (path !== undefined && folderIdentity(path) !== undefined)
    throw new MachineError(
      `cannot write ${path}: a folder with this name exists. Move it or choose another name`,
    );
  const probe = `${key}.probe`;
  await store.write(probe, Uint8Array.of(0));
  await store.remove(probe);
}
