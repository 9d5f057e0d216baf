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
   * Whether the input is divided by the recipe's tapers, down to TAPER_FLOOR: the noise then has the same deviation at all times,
   * and a late merger its full height. The floor is stored with the weights.
   */
  untaper: boolean;
  /**
   * Whether the time points have learned weights in the generalized mean. Mergers come in a part of the sample only; without
   * weights, noise at all other times causes false alarms.
   */
  weighted: boolean;
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
 * `diy` is the DIYModel of the reference. `coherent` merges the detectors while time is still resolved. `coherent-v1` is
 * `coherent` as it was before it undid the tapers and weighted time.
 */
export const PRESETS = ['diy', 'coherent', 'coherent-v1'] as const;
export type Preset = (typeof PRESETS)[number];

const COHERENT_V1: Architecture = {
  untaper: false,
  weighted: false,
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

export const ARCHITECTURES: Readonly<Record<Preset, Architecture>> = {
  diy: {
    untaper: false,
    weighted: false,
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
  coherent: { ...COHERENT_V1, untaper: true, weighted: true },
  'coherent-v1': COHERENT_V1,
};
