/** Number of small objects to read, write or remove concurrently, which hides most of the store's latency. */
export const AT_ONCE = 32;

/**
 * Yields the results of `work` in the order of the items, with up to `limit` calls in flight, so that waits for an
 * object store overlap. An error of `work` is thrown when its item's turn comes.
 */
export async function* mapAhead<Item, Result>(
  items: AsyncIterable<Item> | Iterable<Item>,
  limit: number,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const started: Promise<Result>[] = [];
  for await (const item of items) {
    const result = work(item);
    // The error is thrown when the item's turn comes. If the consumer has stopped by then, it is dropped.
    result.catch(() => {});
    started.push(result);
    if (started.length === limit) yield await started.shift()!;
  }
  for (const result of started) yield await result;
}

/** Calls `work` with each item, up to `limit` concurrently. After an error of `work` it starts no further items, and throws. */
export async function forEachAhead<Item>(
  items: AsyncIterable<Item> | Iterable<Item>,
  limit: number,
  work: (item: Item) => Promise<unknown>,
): Promise<void> {
  for await (const _ of mapAhead(items, limit, work));
}
