import { setTimeout as sleep } from 'node:timers/promises';
import { NotFoundError, PreconditionError } from '../errors.ts';
import type { ObjectInfo, ObjectStore } from '../storage/store.ts';

const ATTEMPTS = 50;
/** Longest wait before the next attempt [ms]; others are at it, so it is drawn at random. */
const PAUSE = 400;

/**
 * Changes a text by conditional writes until nobody else came between; undefined leaves it as it is. `edit` is called for
 * each attempt, and what it reads is as new as the text or newer. Throws PreconditionError when others never cease.
 */
export async function changeText(
  store: ObjectStore,
  key: string,
  edit: (text: string | undefined) => Promise<string | undefined>,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const found = await store.head(key);
      const text = found && new TextDecoder().decode(await readVersion(store, found));
      const changed = await edit(text);
      if (changed === undefined || changed === text) return;
      const condition = found === undefined ? { ifAbsent: true } : { ifMatch: found.etag };
      await store.write(key, new TextEncoder().encode(changed), condition);
      return;
    } catch (error) {
      if (!(error instanceof PreconditionError) || attempt === ATTEMPTS) throw error;
      await sleep(Math.random() * PAUSE);
    }
  }
}

/** Throws PreconditionError when another one is there by now, or none. */
async function readVersion(store: ObjectStore, { key, etag }: ObjectInfo): Promise<Uint8Array> {
  try {
    return await store.read(key, undefined, { ifMatch: etag });
  } catch (error) {
    throw error instanceof NotFoundError ? new PreconditionError(key, { cause: error }) : error;
  }
}
