/** Listing a large store in parts, several at once: by several threads, or by as many requests. */
import { setImmediate } from 'node:timers/promises';
import pLimit from 'p-limit';
import type { ObjectInfo, ObjectStore } from './store.ts';

/** Lists all objects and faults under a prefix, in the order of their keys. */
export type ListPart = (prefix: string) => Promise<ObjectInfo[]>;

/** Enough parts to keep as many listers busy to the end; a level more of folders is looked at until there are so many. */
const ENOUGH = 16;
const LEVELS = 3;
/** Where a folder has more folders, each would be a request of its own: it is listed as a whole. */
const MOST = 256;
/** Pages of a bucket that are asked for at once. */
const REQUESTS = 16;

/** What lists `store` in this thread, as often as it is worth while to call it at once. */
export function createListers(store: ObjectStore): ListPart[] {
  const list: ListPart = (prefix) => listWhole(store, prefix);
  return Array(store.folder === undefined ? REQUESTS : 1).fill(list);
}

/**
 * Every object and fault of the store in ascending order of the keys, as `list('')` gives them, but some hundred or thousand at a time.
 * Each of the `listers` takes one part after another, the last of them the first one.
 *
 * @param accept asked for starts of keys that end in `/`: what lies under a refused one isn't listed.
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
    // A failure is thrown when its turn comes; should the receiver have left by then, nobody is interested.
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
    // A folder is listed without a pause: the others' answers come in now, and they get their next part.
    await setImmediate();
    free.push(list);
  }
}

/** The store's objects and, in place of those under a common start of their keys, that start; in order. */
async function splitStore(
  store: ObjectStore,
  accept: (prefix: string) => boolean,
): Promise<(ObjectInfo[] | string)[]> {
  let parts: (ObjectInfo[] | string)[] = [''];
  for (
    let level = 0;
    level < LEVELS && parts.filter((part) => typeof part === 'string').length < ENOUGH;
    level += 1
  ) {
    const deeper = parts.map(async (part) =>
      typeof part === 'string' ? lookInto(store, part, accept) : [part],
    );
    parts = (await Promise.all(deeper)).flat();
  }
  return parts;
}

/** The objects right under a start, neighbours together, and the starts in it that are accepted; itself if there are too many. */
async function lookInto(
  store: ObjectStore,
  prefix: string,
  accept: (prefix: string) => boolean,
): Promise<(ObjectInfo[] | string)[]> {
  const parts: (ObjectInfo[] | string)[] = [];
  let starts = 0;
  for await (const entry of store.list(prefix, { delimiter: '/', faults: true })) {
    const last = parts.at(-1);
    if (entry.fault === undefined && entry.key.endsWith('/')) {
      starts += 1;
      if (starts > MOST) return [prefix];
      if (accept(entry.key)) parts.push(entry.key);
    } else if (Array.isArray(last)) last.push(entry);
    else parts.push([entry]);
  }
  return parts;
}

/** The whole of `list`, with its faults. */
export async function listWhole(store: ObjectStore, prefix: string): Promise<ObjectInfo[]> {
  if (store.folder !== undefined) return store.folder.list(prefix);
  const all: ObjectInfo[] = [];
  for await (const object of store.list(prefix, { faults: true })) all.push(object);
  return all;
}
