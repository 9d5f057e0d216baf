/**
 * Lists a large store in parts, several in parallel on a bucket. One sequential listing of 560,000 objects in Kaggle's layout
 * would take 560 pages.
 */
import { setImmediate } from 'node:timers/promises';
import { mapAhead } from './ahead.ts';
import type { ObjectInfo, ObjectStore } from './store.ts';

/** The store is split one folder level deeper until it has this many parts, enough to keep all requests busy. */
const MIN_PARTS = 16;
const MAX_LEVELS = 3;
/** A folder with more subfolders is one part, since each subfolder would cost a request. */
const MAX_SUBFOLDERS = 256;
/** Concurrent requests for pages of a bucket. */
const REQUESTS = 16;

/**
 * Every object and fault of the store in ascending key order, as from `list('')`, in batches of hundreds or thousands.
 *
 * @param accept called with key prefixes that end in `/`: nothing under a prefix is listed for which it is false.
 */
export async function* listInParts(
  store: ObjectStore,
  accept: (prefix: string) => boolean,
): AsyncGenerator<ObjectInfo[]> {
  const parts = await splitStore(store, accept);
  // Threads of their own would list a folder no faster than the rest of the plan consumes it.
  const ahead = store.folder === undefined ? REQUESTS : 1;
  yield* mapAhead(parts, ahead, async (part) => (typeof part === 'string' ? listPart(store, part) : part));
}

async function listPart(store: ObjectStore, prefix: string): Promise<ObjectInfo[]> {
  const all: ObjectInfo[] = [];
  for await (const object of store.list(prefix, { faults: true })) all.push(object);
  // Listing a folder never waits. Timers, such as the lease's renewal, get their turn here.
  await setImmediate();
  return all;
}

/** The parts of the store in key order: a prefix to list, or objects that are listed already. */
async function splitStore(
  store: ObjectStore,
  accept: (prefix: string) => boolean,
): Promise<(ObjectInfo[] | string)[]> {
  let parts: (ObjectInfo[] | string)[] = [''];
  for (
    let level = 0;
    level < MAX_LEVELS && parts.filter((part) => typeof part === 'string').length < MIN_PARTS;
    level += 1
  ) {
    const deeper = parts.map(async (part) =>
      typeof part === 'string' ? splitPart(store, part, accept) : [part],
    );
    parts = (await Promise.all(deeper)).flat();
  }
  return parts;
}

/**
 * The objects directly under a prefix, adjacent ones together, and its accepted sub-prefixes; the prefix itself if it has too
 * many.
 */
async function splitPart(
  store: ObjectStore,
  prefix: string,
  accept: (prefix: string) => boolean,
): Promise<(ObjectInfo[] | string)[]> {
  const parts: (ObjectInfo[] | string)[] = [];
  let subfolders = 0;
  for await (const entry of store.list(prefix, { delimiter: '/', faults: true })) {
    const last = parts.at(-1);
    if (entry.fault === undefined && entry.key.endsWith('/')) {
      subfolders += 1;
      if (subfolders > MAX_SUBFOLDERS) return [prefix];
      if (accept(entry.key)) parts.push(entry.key);
    } else if (Array.isArray(last)) last.push(entry);
    else parts.push([entry]);
  }
  return parts;
}
