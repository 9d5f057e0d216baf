/** Which versions of the raw objects a plan was made from, noted once an object in each list of refs. */
import type { SampleRef } from './sample-ref.ts';

/**
 * The refs with their objects' etags as `restoreVersions` expects them: on the first ref of each object alone, so
 * that a list of 1,024 members of a pack doesn't hold its etag 1,024 times.
 */
export function noteVersions(refs: readonly SampleRef[], etags: ReadonlyMap<string, string>): SampleRef[] {
  const noted = new Set<string>();
  return refs.map((ref) => {
    const etag = etags.get(ref.key);
    if (etag === undefined || noted.has(ref.key)) return ref;
    noted.add(ref.key);
    return { ...ref, etag };
  });
}

/** Puts the etag that the first ref of each object has on the object's other refs too. Changes `refs`. */
export function restoreVersions(refs: Iterable<SampleRef>): void {
  const etags = new Map<string, string>();
  for (const ref of refs) {
    const etag = ref.etag ?? etags.get(ref.key);
    if (etag === undefined) continue;
    etags.set(ref.key, etag);
    ref.etag = etag;
  }
}
