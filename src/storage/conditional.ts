/** Writes that depend on what is there, each safe to repeat. */
import { ConflictError, NotFoundError, PreconditionError } from '../core/errors.ts';
import { type RetryPolicy, retry } from './retry.ts';
import type { ObjectStore } from './store.ts';

/** Several writers change the same object: the pause after a lost race grows each time. */
export const CONTENTION: RetryPolicy = { attempts: 50, pause: 40 };

/** Whether an object was changed, made or removed by others between a look at it and what followed. */
export function isOvertaken(error: unknown): boolean {
  return error instanceof PreconditionError || error instanceof NotFoundError;
}

/** An object as it was found; undefined: there was none. */
export type Version = { etag: string; bytes: Uint8Array } | undefined;

/** Throws PreconditionError or NotFoundError when others changed the object meanwhile. */
export async function readVersion(store: ObjectStore, key: string): Promise<Version> {
  const found = await store.head(key);
  return found && { etag: found.etag, bytes: await store.read(key, undefined, { ifMatch: found.etag }) };
}

/** Writes the object unless it has these bytes. Throws PreconditionError when it isn't as it was found any more. */
export async function replaceVersion(
  store: ObjectStore,
  key: string,
  found: Version,
  bytes: Uint8Array,
): Promise<void> {
  if (found !== undefined && Buffer.compare(found.bytes, bytes) === 0) return;
  await store.write(key, bytes, found === undefined ? { ifAbsent: true } : { ifMatch: found.etag });
}

/**
 * Changes an object by compare-and-swap until no other writer came between. `edit` gets the bytes that are there
 * (undefined: none) and returns the new ones, or undefined to leave the object alone. It is called once an attempt, and
 * must find its own change done already when the answer to a write was lost.
 *
 * Throws what `edit` throws; PreconditionError or NotFoundError when others never cease.
 */
export async function compareAndSwap(
  store: ObjectStore,
  key: string,
  edit: (bytes: Uint8Array | undefined) => Promise<Uint8Array | undefined>,
): Promise<void> {
  let failure: { error: unknown } | undefined;
  await retry(CONTENTION, isOvertaken, async () => {
    const found = await readVersion(store, key);
    // What `edit` throws is for the caller, even if it is one of the errors that are retried here.
    const changed = await edit(found?.bytes).catch((error: unknown) => {
      failure = { error };
    });
    if (changed !== undefined) await replaceVersion(store, key, found, changed);
  });
  if (failure !== undefined) throw failure.error;
}

/** Creates the object unless the very same bytes are there. Throws ConflictError when others are. */
export async function putIfSame(store: ObjectStore, key: string, bytes: Uint8Array): Promise<void> {
  try {
    await store.write(key, bytes, { ifAbsent: true });
  } catch (error) {
    if (!(error instanceof PreconditionError)) throw error;
    if (Buffer.compare(await store.read(key), bytes) === 0) return;
    throw new ConflictError(`${store.location}${key} exists with other bytes. Remove it and run again.`, {
      cause: error,
    });
  }
}

/** Creates the object; what another writer created before stays. Resolves to whether this one did. */
export async function putIfAbsent(store: ObjectStore, key: string, bytes: Uint8Array): Promise<boolean> {
  try {
    await store.write(key, bytes, { ifAbsent: true });
    return true;
  } catch (error) {
    if (error instanceof PreconditionError) return false;
    throw error;
  }
}
