/** Which records a pass reads, and in which order. */
import { createRandomStream } from '../../core/random.ts';
import type { Order, Segment } from './record-reader.ts';

/** Records `first` up to, but without, `end`. */
export interface RecordRange {
  first: number;
  end: number;
}

/** Parts of shards, in the order of the records. */
export interface ShardPart extends Omit<Segment, 'file'> {
  shard: string;
}

/** Shards that are read in turns in training. */
const INTERLEAVED = 8;
const ORDER_PURPOSE = 0x6f726465;
const TWO_31 = 2 ** 31;

/** Shards, and where the records of each lie. */
interface Shards {
  shards: readonly { name: string; runs: readonly { offset: number; records: number }[] }[];
}

/** The parts of shards that the ranges lie in. */
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

/** The parts in their own order. */
export const IN_ORDER: Order = { interleaved: 1, buffer: 1, seeds: [0, 0] };

/** How an epoch's parts are ordered, by the seed and the number of the epoch alone. */
export function shuffleParts(
  parts: readonly ShardPart[],
  { seed, buffer, epoch }: { seed: number; buffer: number; epoch: number },
): { parts: ShardPart[]; order: Order } {
  const random = createRandomStream(seed, epoch, ORDER_PURPOSE);
  const draw = (below: number) => Math.floor(random.uniform(0, below));
  const shuffled = [...parts];
  // Fisher and Yates.
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
 * How many of the parts, from the first one on, may have been opened by the time that `records` were read from them:
 * those read in turns, and one more for each that can have come to its end.
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
