/** Which versions of the raw objects a plan was made from, noted once an object in each list of refs. */
import type { SampleRef } from './sample-ref.ts';

/** The etags of the objects in which the refs lie, in the order in which these name them first; '' of an unknown one. */
export function listVersions(refs: Iterable<SampleRef>, etags: ReadonlyMap<string, string>): string[] {
  const keys = new Set<string>();
  for (const { key } of refs) keys.add(key);
  return Array.from(keys, (key) => etags.get(key) ?? '');
}

/** Puts what listVersions gave for the same refs on each of them. Changes `refs`. */
export function restoreVersions(refs: Iterable<SampleRef>, versions: readonly string[]): void {
  const known = new Map<string, string | undefined>();
  for (const ref of refs) {
    if (!known.has(ref.key)) known.set(ref.key, versions[known.size]);
    const etag = known.get(ref.key);
    if (etag) ref.etag = etag;
  }
}
