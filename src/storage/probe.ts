import type { ObjectStore } from './store.ts';

/**
 * Throws now what a write beside the key would throw later (MachineError: no right, no bucket, no space), so that
 * hours of work aren't done for an output that can't be written. Leaves nothing but its folder.
 */
export async function probeWriting(store: ObjectStore, key: string): Promise<void> {
  const probe = `${key}.probe`;
  await store.write(probe, Uint8Array.of(0));
  await store.remove(probe);
}
