/** The architectures of the models as data, which model.ts computes. */

/** Convolution, batch norm, SiLU, max-pool by 4. */
interface Block {
  filters: number;
  /** Length of the kernels [points]. */
  kernel: number;
}

/** Dense layer, batch norm, SiLU, dropout. */
interface Dense {
  name: string;
  units: number;
}

export interface Architecture {
  /**
   * Whether the model knows about time. It divides its input by the recipe's tapers, down to a tenth, so that the noise has the
   * same deviation at all times, and a late merger its full height. And the time points have learned weights in the generalized
   * mean: mergers come in a part of the sample only, and noise elsewhere must not cause false alarms.
   */
  timed: boolean;
  /** Blocks that see each detector alone, with the same weights for all. */
  shared: readonly Block[];
  /**
   * Blocks after the shared ones. They see the channels of all detectors side by side, aligned in time. Without them,
   * the detectors meet only after the mean over time.
   */
  merged: readonly Block[];
  dense: readonly Dense[];
}

/** How many time points a block's max-pool reduces to one. */
export const POOLING = 4;

/** The limits to which the generalized mean over time clips its input, and its p. */
export const POOLED_RANGE = [1e-6, 1e10] as const;
export const POWER_RANGE = [1, 10] as const;

/**
 * `diy` is the DIYModel of the reference. `coherent` merges the detectors while time is still resolved. `coherent-v1` is the
 * architecture that `coherent` had before it knew about time.
 */
export const PRESETS = ['diy', 'coherent', 'coherent-v1', 'matched'] as const;
export type Preset = (typeof PRESETS)[number];

const COHERENT_V1: Architecture = {
  timed: false,
  shared: [
    { filters: 32, kernel: 64 },
    { filters: 64, kernel: 32 },
  ],
  merged: [
    { filters: 128, kernel: 16 },
    { filters: 256, kernel: 8 },
  ],
  dense: [{ name: 'fc1', units: 64 }],
};

/** Matched filters instead of convolutions, see matched-filters.ts. */
export const MATCHED_FILTERS = 'matched filters';

export const ARCHITECTURES: Readonly<Record<Preset, Architecture | typeof MATCHED_FILTERS>> = {
  diy: {
    timed: false,
    shared: [
      { filters: 32, kernel: 64 },
      { filters: 64, kernel: 32 },
      { filters: 128, kernel: 16 },
      { filters: 256, kernel: 8 },
    ],
    merged: [],
    dense: [
      { name: 'fc1', units: 256 },
      { name: 'fc2', units: 64 },
    ],
  },
  coherent: { ...COHERENT_V1, timed: true },
  'coherent-v1': COHERENT_V1,
  matched: MATCHED_FILTERS,
};
