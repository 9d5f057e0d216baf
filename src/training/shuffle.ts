import type { RandomStream } from '../random.ts';

/**
 * The items in another order: each place of the output takes a random one of the `size` items that lie in a buffer, and
 * the next item of the source takes its place there. Equal streams of random numbers give equal orders.
 */
export async function* shuffle<T>(
  source: AsyncIterable<T>,
  size: number,
  random: RandomStream,
): AsyncGenerator<T> {
  const buffer: T[] = [];
  const draw = (): number => Math.floor(random.uniform(0, buffer.length));
  for await (const item of source) {
    if (buffer.length < size) {
      buffer.push(item);
      continue;
    }
    const place = draw();
    yield buffer[place]!;
    buffer[place] = item;
  }
  while (buffer.length > 0) {
    const place = draw();
    const item = buffer[place]!;
    buffer[place] = buffer[buffer.length - 1]!;
    buffer.pop();
    yield item;
  }
}
