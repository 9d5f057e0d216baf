/**
 * Lists a large store in parts, several in parallel: by several threads on a folder, by several requests on a bucket. One
 * sequential listing of 560,000 objects in Kaggle's layout would take 560 pages.
 */
import { setImmediate } from 'node:timers/promises';
import pLimit from 'p-limit';
import type { ObjectInfo, ObjectStore } from './store.ts';

/** Lists all objects and faults under a prefix, in key order. */
export type ListPart = (prefix: string) => Promise<ObjectInfo[]>;

/** The store is split one folder level deeper until it has this many parts, enough to keep all listers busy. */
const MIN_PARTS = 16;
const MAX_LEVELS = 3;
/** A folder with more subfolders is one part, since each subfolder would cost a request. */
const MAX_SUBFOLDERS = 256;
/** Concurrent requests for pages of a bucket. */
const REQUESTS = 16;

/** Listers of this thread: one for a folder, REQUESTS for a bucket. */
export function createListers(store: ObjectStore): ListPart[] {
  const list: ListPart = (prefix) => listWhole(store, prefix);
  return Array(store.folder === undefined ? REQUESTS : 1).fill(list);
}

/**
 * Every object and fault of the store in ascending key order, as from `list('')`, in batches of hundreds or thousands.
 * Each of the `listers` takes one part after another; the last lister takes the first part.
 *
 * @param accept called with key prefixes that end in `/`: nothing under a prefix is listed for which it is false.
 */
export async function* listInParts(
  store: ObjectStore,
  listers: readonly ListPart[],
  accept: (prefix: string) => boolean,
): AsyncGenerator<ObjectInfo[]> {
  const parts = await splitStore(store, accept);
  const free = [...listers];
  const limit = pLimit(listers.length);
  const results = parts.map((part) => {
    const result = typeof part === 'string' ? limit(() => listBy(free, part)) : Promise.resolve(part);
    // The error is thrown when the part's turn comes. If the consumer has stopped by then, it is dropped.
    result.catch(() => {});
    return result;
  });
  try {
    for (const result of results) yield await result;
  } finally {
    limit.clearQueue();
  }
}

async function listBy(free: ListPart[], part: string): Promise<ObjectInfo[]> {
  const list = free.pop()!;
  try {
    return await list(part);
  } finally {
    // Listing a folder blocks this thread. Yield here, so that other listers' results arrive and they get their next part.
    await setImmediate();
    free.push(list);
  }
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

/** The complete result of the store's `list`, faults included. */
export async function listWhole(store: ObjectStore, prefix: string): Promise<ObjectInfo[]> {
  if (store.folder !== undefined) return store.folder.list(prefix);
  const all: ObjectInfo[] = [];
  for await (const object of store.list(prefix, { faults: true })) all.push(object);
  return all;
}
