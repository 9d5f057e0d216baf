import { type Interval, Z } from './auc-interval.ts';

/** A share of some samples. */
export interface Proportion {
  count: number;
  of: number;
  /** From 0 to 1. */
  share: number;
  /** The share's 95 % interval. */
  interval: Interval;
}

/**
 * With the interval of E. B. Wilson, "Probable inference, the law of succession, and statistical inference", J. Am. Stat. Assoc.
 * 22 (1927), which holds for few samples too and stays in [0, 1]. The samples must be independent. `of` must be at least 1.
 */
export function proportion(count: number, of: number): Proportion {
  const share = count / of;
  const scale = 1 + Z ** 2 / of;
  const centre = (share + Z ** 2 / (2 * of)) / scale;
  const reach = (Z * Math.sqrt((share * (1 - share)) / of + (Z / (2 * of)) ** 2)) / scale;
  // At the ends rounding would leave a distance of 1e-17.
  const interval = {
    low: count === 0 ? 0 : centre - reach,
    high: count === of ? 1 : centre + reach,
  };
  return { count, of, share, interval };
}
