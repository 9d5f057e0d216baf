import { createHash } from 'node:crypto';
import type { ObjectStore } from './store.ts';

/** SHA-256 of an object's bytes in hex. Throws NotFoundError when it is missing. */
export async function hashObject(store: ObjectStore, key: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of store.stream(key)) hash.update(chunk);
  return hash.digest('hex');
}
