import { MachineError } from '../core/errors.ts';
import { folderIdentity } from './file/file-listing.ts';
import type { ObjectStore } from './store.ts';

/**
 * Throws now what a write beside the key would throw later (MachineError: no right, no bucket, no space, a folder in its place), so that
 * hours of work aren't done for an output that can't be written. Leaves nothing but its folder.
 */
export async function probeWriting(store: ObjectStore, key: string): Promise<void> {
  const path = store.folder?.path(key);
  if (path !== undefined && folderIdentity(path) !== undefined)
    throw new MachineError(
      `cannot write ${path}: a folder stands there. Move it away or choose another name`,
    );
  const probe = `${key}.probe`;
  await store.write(probe, Uint8Array.of(0));
  await store.remove(probe);
}
