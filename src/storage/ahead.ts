/** Small objects read, written or removed at once: the store's latency is then paid a few times only. */
export const AT_ONCE = 32;

/**
 * Yields the results of `work` in the order of the items, with up to `limit` of them under way: what waits for an
 * object store waits at once. Throws what `work` throws when its item's turn comes.
 */
export async function* mapAhead<Item, Result>(
  items: AsyncIterable<Item> | Iterable<Item>,
  limit: number,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const started: Promise<Result>[] = [];
  for await (const item of items) {
    const result = work(item);
    // A failure is thrown when its turn comes; should the receiver have left by then, nobody is interested.
    result.catch(() => {});
    started.push(result);
    if (started.length === limit) yield await started.shift()!;
  }
  for (const result of started) yield await result;
}

/** Calls `work` with each item, `limit` at once. Throws what `work` throws; nothing new is begun then. */
export async function forEachAhead<Item>(
  items: AsyncIterable<Item> | Iterable<Item>,
  limit: number,
  work: (item: Item) => Promise<unknown>,
): Promise<void> {
  for await (const _ of mapAhead(items, limit, work));
}
