/**
 * Yields the results of `work` in the order of the items, with up to `limit` of them under way: what waits for an
 * object store waits at once. Throws what `work` throws when its item's turn comes.
 */
export async function* mapAhead<Item, Result>(
  items: AsyncIterable<Item>,
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
