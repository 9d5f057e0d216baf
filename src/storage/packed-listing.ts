/** A list of objects as a thread sends it to another: an object of its own for each would take as long as listing it. */
import type { ObjectInfo } from './store.ts';

/** What neither a key nor an etag holds. */
const BREAK = '\0';

export interface Listing {
  keys: string;
  etags: string;
  sizes: Float64Array;
  /** The few that have one. */
  faults: { index: number; fault: string }[];
}

export function packListing(objects: readonly ObjectInfo[]): Listing {
  return {
    keys: objects.map(({ key }) => key).join(BREAK),
    etags: objects.map(({ etag }) => etag).join(BREAK),
    sizes: Float64Array.from(objects, ({ size }) => size),
    faults: objects.flatMap(({ fault }, index) => (fault === undefined ? [] : [{ index, fault }])),
  };
}

export function unpackListing({ keys, etags, sizes, faults }: Listing): ObjectInfo[] {
  const [ofKeys, ofEtags] = [keys.split(BREAK), etags.split(BREAK)];
  const objects: ObjectInfo[] = Array.from(sizes, (size, index) => ({
    key: ofKeys[index]!,
    size,
    etag: ofEtags[index]!,
  }));
  for (const { index, fault } of faults) objects[index]!.fault = fault;
  return objects;
}
