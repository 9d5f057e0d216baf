/** The performance of AWS and its network: a range from a good day (low) to a bad day (high). */
export interface Range {
  low: number;
  high: number;
}

/** One end of a range: low is the good day, high the bad one. */
export type Day = keyof Range;

/** The range of a quantity, computed for a good day and for a bad day. */
export function onBothDays(measure: (day: Day) => number): Range {
  return { low: measure('low'), high: measure('high') };
}

/** docs/operations.md gives the source of each number. */
export const CLOUD = {
  /** GET requests per second that one prefix partition of a bucket serves. On a bad day a fifth is throttled and retried. */
  getRate: { low: 5500, high: 4400 },
  /** Time to an object's first byte, or to write a small object [s]. */
  latency: { low: 0.015, high: 0.05 },
  /** Time to list a page of 1,000 objects [s]. */
  listPage: { low: 0.08, high: 0.25 },
  /** Bandwidth of a function, in each direction [bytes/s]. */
  bandwidth: { low: 90e6, high: 65e6 },
  /** Speed of a function's core, relative to a core of this machine. */
  core: { low: 1, high: 0.5 },
  /** Time from the call of a function without an environment to its first line; it is billed [s]. */
  coldStart: { low: 0.4, high: 1.2 },
  /** New environments of a function per second: AWS allows 1,000 in 10 s; on a good day all of them start at once. */
  environments: { low: 1000, high: 100 },
  /** Overhead of a Distributed Map besides its items [s]. */
  mapStart: { low: 1, high: 3 },
  /** Time from one state to the next [s]. */
  transition: { low: 0.05, high: 0.2 },
  /** Planning time per sample: labels, order, hashes [s]. */
  planning: { low: 6e-6, high: 12e-6 },
  /** Billed transitions per item of a map. */
  itemTransitions: { low: 1, high: 3 },
  /** Memory of the functions, as in serverless.yml [GB of 2^30 bytes]. */
  memory: {
    plan: 3008 / 1024,
    psd: 1769 / 1024,
    reduce: 0.5,
    shards: 1769 / 1024,
    finalize: 1,
    ingest: 1769 / 1024,
  },
  /** Upload events per call of `ingest`, and the duration of such a call [s]. */
  eventBatch: 10,
  eventTime: { low: 0.03, high: 0.3 },
} as const;
