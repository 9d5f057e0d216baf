/** What AWS and its network do, from a good day (low) to a bad one (high). */
export interface Range {
  low: number;
  high: number;
}

/** One end of a range. */
export type Day = keyof Range;

/** Both ends of what differs between a good day and a bad one. */
export function onBothDays(measure: (day: Day) => number): Range {
  return { low: measure('low'), high: measure('high') };
}

/** docs/operations.md says where each number comes from. */
export const CLOUD = {
  /** GET requests a second that a prefix partition of a bucket answers; on a bad day a fifth is refused and repeated. */
  getRate: { low: 5500, high: 4400 },
  /** Until an object's first byte is there, or a small object is written [s]. */
  latency: { low: 0.015, high: 0.05 },
  /** Until a page of 1,000 objects is listed [s]. */
  listPage: { low: 0.08, high: 0.25 },
  /** What a function receives and sends [bytes/s]. */
  bandwidth: { low: 90e6, high: 65e6 },
  /** Speed of a function's core, as a share of one of the machine at hand. */
  core: { low: 1, high: 0.5 },
  /** From the call of a function that has no environment yet to its first line [s]. It is billed. */
  coldStart: { low: 0.4, high: 1.2 },
  /** New environments of a function a second: 1,000 in 10 s, on a good day all of these at the start. */
  environments: { low: 1000, high: 100 },
  /** Of a Distributed Map, beside its items [s]. */
  mapStart: { low: 1, high: 3 },
  /** From one state to the next [s]. */
  transition: { low: 0.05, high: 0.2 },
  /** Labels, order, hashes: the plan's work for a sample [s]. */
  planning: { low: 6e-6, high: 12e-6 },
  /** Transitions that are billed for an item of a map. */
  itemTransitions: { low: 1, high: 3 },
  /** Memory of functions [GB of 2^30 bytes], as in serverless.yml. */
  memory: {
    plan: 3008 / 1024,
    psd: 1769 / 1024,
    reduce: 0.5,
    shards: 1769 / 1024,
    finalize: 1,
    ingest: 1769 / 1024,
  },
  /** Events of uploads that `ingest` gets at once, and what it takes for them [s]. */
  eventBatch: 10,
  eventTime: { low: 0.03, high: 0.3 },
} as const;
