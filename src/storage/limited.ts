import { InputError } from '../core/errors.ts';
import type { ObjectStore } from './store.ts';

/** The object's bytes. Reads at most `limit + 1` of them. Throws NotFoundError, or InputError when the object exceeds `limit`. */
export async function readLimited(store: ObjectStore, key: string, limit: number): Promise<Uint8Array> {
  const bytes = await store.read(key, { offset: 0, length: limit + 1 });
  if (bytes.length <= limit) return bytes;
  throw new InputError({
    object: `${store.location}${key}`,
    found: `more than ${limit} bytes`,
    needed: `at most ${limit}`,
  });
}
