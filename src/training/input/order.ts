/** Which records a pass reads, and in which order. */
import { createRandomStream } from '../../core/random.ts';
import type { Order, Segment } from './record-reader.ts';

/** Records from `first` to `end`, without `end`. */
export interface RecordRange {
  first: number;
  end: number;
}

/** Part of a shard: some consecutive records. */
export interface ShardPart extends Omit<Segment, 'file'> {
  shard: string;
}

/** Shards that are interleaved in training. */
const INTERLEAVED = 8;
const ORDER_PURPOSE = 0x6f726465;
const TWO_31 = 2 ** 31;

/** Shards and the positions of their records. */
interface Shards {
  shards: readonly { name: string; runs: readonly { offset: number; records: number }[] }[];
}

/** The parts of shards that the ranges cover, in the order of the records. */
export function listParts({ shards }: Shards, ranges: readonly RecordRange[]): ShardPart[] {
  return ranges.flatMap(({ first, end }) => {
    let start = 0;
    return shards.flatMap(({ name, runs }) =>
      runs.flatMap(({ offset, records }) => {
        const skip = Math.max(first - start, 0);
        const take = Math.min(end - start, records) - skip;
        start += records;
        return take > 0 ? [{ shard: name, offset, skip, take }] : [];
      }),
    );
  });
}

/** Keeps the order of the parts. */
export const IN_ORDER: Order = { interleaved: 1, buffer: 1, seeds: [0, 0] };

/** Shuffles the parts for an epoch. The order depends only on the seed and the epoch number. */
export function shuffleParts(
  parts: readonly ShardPart[],
  { seed, buffer, epoch }: { seed: number; buffer: number; epoch: number },
): { parts: ShardPart[]; order: Order } {
  const random = createRandomStream(seed, epoch, ORDER_PURPOSE);
  const draw = (below: number) => Math.floor(random.uniform(0, below));
  const shuffled = [...parts];
  // Fisher-Yates shuffle.
  for (let i = shuffled.length - 1; i > 0; i--) {
    const other = draw(i + 1);
    [shuffled[i], shuffled[other]] = [shuffled[other]!, shuffled[i]!];
  }
  return {
    parts: shuffled,
    order: { interleaved: INTERLEAVED, buffer, seeds: [draw(TWO_31), draw(TWO_31)] },
  };
}

/**
 * The most parts that can have been opened, in order, when `records` records have been read: the interleaved ones, and one
 * more for each part that can have ended. A pass waits only for these shards, so the network doesn't change its order.
 */
export function countOpened(parts: readonly ShardPart[], interleaved: number, records: number): number {
  const sizes = parts.map(({ take }) => take).sort((a, b) => a - b);
  let ended = 0;
  for (let sum = 0; ended < sizes.length; ended++) {
    sum += sizes[ended]!;
    if (sum > records) break;
  }
  return Math.min(parts.length, interleaved + ended);
}
