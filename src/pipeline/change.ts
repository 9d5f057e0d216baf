import { setTimeout as sleep } from 'node:timers/promises';
import { NotFoundError, PreconditionError } from '../errors.ts';
import type { ObjectStore } from '../storage/store.ts';

const ATTEMPTS = 50;
/** Longest wait before the next attempt [ms]; others are at it, so it is drawn at random. */
const PAUSE = 400;

/**
 * Changes a text by conditional writes until nobody else came between; undefined leaves it as it is. `edit` is called for
 * each attempt, and what it reads is as new as the text or newer. Throws PreconditionError or NotFoundError when others never
 * cease.
 */
export async function changeText(
  store: ObjectStore,
  key: string,
  edit: (text: string | undefined) => Promise<string | undefined>,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const found = await store.head(key);
    let text: string | undefined;
    try {
      if (found !== undefined) {
        text = new TextDecoder().decode(await store.read(key, undefined, { ifMatch: found.etag }));
      }
    } catch (error) {
      await waitForOthers(error, attempt);
      continue;
    }
    // What it throws is its own.
    const changed = await edit(text);
    if (changed === undefined || changed === text) return;
    const condition = found === undefined ? { ifAbsent: true } : { ifMatch: found.etag };
    try {
      await store.write(key, new TextEncoder().encode(changed), condition);
      return;
    } catch (error) {
      await waitForOthers(error, attempt);
    }
  }
}

/** Throws the error when it isn't that somebody changed or removed the text, or when this was the last attempt. */
async function waitForOthers(error: unknown, attempt: number): Promise<void> {
  const overtaken = error instanceof PreconditionError || error instanceof NotFoundError;
  if (!overtaken || attempt === ATTEMPTS) throw error;
  await sleep(Math.random() * PAUSE);
}
