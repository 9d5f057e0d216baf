/** The versions of the raw objects that a plan was made from, stored once per object in each list of refs. */
import type { SampleRef } from './sample-ref.ts';

/** The etags of the refs' objects, in the order of each object's first ref; '' if unknown. */
export function listVersions(refs: Iterable<SampleRef>): string[] {
  const etags = new Map<string, string>();
  for (const { key, etag = '' } of refs) etags.set(key, etag);
  return [...etags.values()];
}

/** The ref as it is written to a list, whose versions are stored apart. */
export function withoutVersion({ etag: _, ...place }: SampleRef): object {
  return place;
}

/** Sets the etag of each ref from the result of listVersions for the same refs. Changes `refs`. */
export function restoreVersions(refs: Iterable<SampleRef>, versions: readonly string[]): void {
  const known = new Map<string, string | undefined>();
  for (const ref of refs) {
    if (!known.has(ref.key)) known.set(ref.key, versions[known.size]);
    const etag = known.get(ref.key);
    if (etag) ref.etag = etag;
  }
}
