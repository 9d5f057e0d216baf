/** A list of objects as threads exchange it. Cloning one JavaScript object per entry would take as long as the listing. */
import type { ObjectInfo } from './store.ts';

/** Occurs in no key and no etag. */
const SEPARATOR = '\0';

export interface Listing {
  keys: string;
  etags: string;
  sizes: Float64Array;
  /** Only of entries that have a fault. */
  faults: { index: number; fault: string }[];
}

export function packListing(objects: readonly ObjectInfo[]): Listing {
  return {
    keys: objects.map(({ key }) => key).join(SEPARATOR),
    etags: objects.map(({ etag }) => etag).join(SEPARATOR),
    sizes: Float64Array.from(objects, ({ size }) => size),
    faults: objects.flatMap(({ fault }, index) => (fault === undefined ? [] : [{ index, fault }])),
  };
}

export function unpackListing({ keys, etags, sizes, faults }: Listing): ObjectInfo[] {
  const [ofKeys, ofEtags] = [keys.split(SEPARATOR), etags.split(SEPARATOR)];
  const objects: ObjectInfo[] = Array.from(sizes, (size, index) => ({
    key: ofKeys[index]!,
    size,
    etag: ofEtags[index]!,
  }));
  for (const { index, fault } of faults) objects[index]!.fault = fault;
  return objects;
}
