import type { ByteRange, ObjectStore } from '../../src/storage/store.ts';

/** Records each read of an object's bytes, with the requested length. */
export function countReads(store: ObjectStore): {
  store: ObjectStore;
  reads: { key: string; length: number }[];
} {
  const reads: { key: string; length: number }[] = [];
  const note = (key: string, range: ByteRange | undefined) =>
    reads.push({ key, length: range?.length ?? Number.POSITIVE_INFINITY });
  return {
    reads,
    store: {
      ...store,
      read(key, range, ...rest) {
        note(key, range);
        return store.read(key, range, ...rest);
      },
      stream(key, range, ...rest) {
        note(key, range);
        return store.stream(key, range, ...rest);
      },
    },
  };
}
