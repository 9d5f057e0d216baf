/**
 * Keeps two local runs from working on the same place at once. Shards would still be right (they are written
 * create-only and both runs would write the same), but the work would be done twice and the progress be confusing.
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { ConflictError, NotFoundError, PreconditionError } from '../errors.ts';
import type { ObjectStore } from '../storage/store.ts';
import { LOCK_KEY, readJson } from './work.ts';

interface Holder {
  pid: number;
  host: string;
  /** Tells a process from an earlier one with the same id, as in a restarted container. */
  run: string;
  /** Milliseconds since 1970; renewed every RENEWAL. */
  seen: number;
}

const RUN = randomUUID();
const RENEWAL = 10_000;
/** A holder not seen for so long is dead, whatever its process id says. */
const PATIENCE = 60_000;

/** Runs `work` while holding the lock of the place. Throws ConflictError when another run holds it. */
export async function withLock<T>(store: ObjectStore, work: () => Promise<T>): Promise<T> {
  let etag = await take(store);
  let renewed = Promise.resolve();
  const timer = setInterval(() => {
    renewed = renewed.then(async () => {
      etag = (await store.write(LOCK_KEY, describeSelf(), { ifMatch: etag })).etag;
    });
    // A lock that can't be renewed is no reason to stop: at worst another run starts and repeats work.
    renewed = renewed.catch(() => clearInterval(timer));
  }, RENEWAL);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    await renewed;
    await store.remove(LOCK_KEY);
  }
}

async function take(store: ObjectStore): Promise<string> {
  const found = await store.head(LOCK_KEY);
  try {
    if (found === undefined) return (await store.write(LOCK_KEY, describeSelf(), { ifAbsent: true })).etag;
    const holder = await readJson<Holder>(store, LOCK_KEY);
    if (isAlive(holder)) {
      throw new ConflictError(
        `${store.location} is being written by process ${holder.pid} on ${holder.host}. Wait for it, or stop it.`,
      );
    }
    return (await store.write(LOCK_KEY, describeSelf(), { ifMatch: found.etag })).etag;
  } catch (error) {
    if (!(error instanceof PreconditionError) && !(error instanceof NotFoundError)) throw error;
    throw new ConflictError(`another run has just started on ${store.location}.`, { cause: error });
  }
}

function describeSelf(): Uint8Array {
  const holder: Holder = { pid: process.pid, host: hostname(), run: RUN, seen: Date.now() };
  return new TextEncoder().encode(`${JSON.stringify(holder)}\n`);
}

function isAlive({ pid, host, run, seen }: Holder): boolean {
  if (Date.now() - seen > PATIENCE) return false;
  if (host !== hostname()) return true;
  if (pid === process.pid) return run === RUN;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it runs under another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
