import type { Proportion } from '../../training/fit/proportion.ts';

/** Shares as dots with their intervals. */
export function dots(shares: readonly (Proportion & { x: number })[]) {
  return {
    points: shares.map(({ x, share }) => [x, share] as const),
    intervals: shares.map(({ x, interval: { low, high } }) => [x, low, high] as const),
    dots: true,
  };
}
