/** Writes that depend on the current version of the object. All are idempotent. */
import { ConflictError, NotFoundError, PreconditionError } from '../core/errors.ts';
import { type RetryPolicy, retry } from './retry.ts';
import type { ObjectStore } from './store.ts';

/** For several writers of one object. */
export const CONTENTION: RetryPolicy = { attempts: 50, pause: 40 };

/** Whether the error means that another writer created, overwrote or removed the object since it was read. */
export function isOvertaken(error: unknown): boolean {
  return error instanceof PreconditionError || error instanceof NotFoundError;
}

/** A version of an object; undefined when the object is missing. */
export type Version = { etag: string; bytes: Uint8Array } | undefined;

/** Throws PreconditionError or NotFoundError when another writer changes the object between the two requests. */
export async function readVersion(store: ObjectStore, key: string): Promise<Version> {
  const found = await store.head(key);
  return found && { etag: found.etag, bytes: await store.read(key, undefined, { ifMatch: found.etag }) };
}

/**
 * Writes the object unless it has these bytes already. Returns the resulting etag. Throws PreconditionError when the object is no
 * longer at version `found`.
 */
export async function replaceVersion(
  store: ObjectStore,
  key: string,
  found: Version,
  bytes: Uint8Array,
): Promise<string> {
  if (found !== undefined && Buffer.compare(found.bytes, bytes) === 0) return found.etag;
  const condition = found === undefined ? { ifAbsent: true } : { ifMatch: found.etag };
  return (await store.write(key, bytes, condition)).etag;
}

/**
 * Changes an object by compare-and-swap; retries when another writer interferes. `edit` gets the current bytes
 * (undefined: the object is missing) and returns the new ones, or undefined to leave the object alone. It is called once
 * per attempt, and must recognize its own change: the write may have succeeded although its response was lost.
 *
 * Throws the error of `edit`; PreconditionError or NotFoundError when all attempts lost against other writers.
 */
export async function compareAndSwap(
  store: ObjectStore,
  key: string,
  edit: (bytes: Uint8Array | undefined) => Promise<Uint8Array | undefined>,
): Promise<void> {
  let failure: { error: unknown } | undefined;
  await retry(CONTENTION, isOvertaken, async () => {
    const found = await readVersion(store, key);
    // An error of `edit` goes to the caller, even if it is of a class that is retried here.
    const changed = await edit(found?.bytes).catch((error: unknown) => {
      failure = { error };
    });
    if (changed !== undefined) await replaceVersion(store, key, found, changed);
  });
  if (failure !== undefined) throw failure.error;
}

/** Creates the object unless it exists. Resolves to whether this call created it. */
export async function putIfAbsent(store: ObjectStore, key: string, bytes: Uint8Array): Promise<boolean> {
  try {
    await store.write(key, bytes, { ifAbsent: true });
    return true;
  } catch (error) {
    if (error instanceof PreconditionError) return false;
    throw error;
  }
}

/** Creates the object. Succeeds if it exists with the same bytes; throws ConflictError if it exists with different ones. */
export async function putIfSame(store: ObjectStore, key: string, bytes: Uint8Array): Promise<void> {
  if (await putIfAbsent(store, key, bytes)) return;
  if (Buffer.compare(await store.read(key), bytes) === 0) return;
  throw new ConflictError(`${store.location}${key} exists with different bytes. Remove it and run again.`);
}
