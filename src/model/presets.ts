/** What the models are made of, as data: model.ts computes any of them. */

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
  /** Blocks that each detector passes alone, by the same weights. */
  shared: readonly Block[];
  /**
   * Blocks behind those, which see the detectors' channels side by side and therefore in time with each other. Where
   * there are none, the detectors meet after the mean over time only.
   */
  merged: readonly Block[];
  dense: readonly Dense[];
}

/** Points of time that the max-pool of a block makes one of. */
export const POOLING = 4;

/** What the generalized mean over time clips its input to, and its p. */
export const POOLED_RANGE = [1e-6, 1e10] as const;
export const POWER_RANGE = [1, 10] as const;

/** `diy` is the reference's DIYModel; `coherent` lets the detectors meet while time is still resolved. */
export const PRESETS = ['diy', 'coherent'] as const;
export type Preset = (typeof PRESETS)[number];

export const ARCHITECTURES: Readonly<Record<Preset, Architecture>> = {
  diy: {
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
  coherent: {
    shared: [
      { filters: 32, kernel: 64 },
      { filters: 64, kernel: 32 },
    ],
    merged: [
      { filters: 128, kernel: 16 },
      { filters: 256, kernel: 8 },
    ],
    dense: [{ name: 'fc1', units: 64 }],
  },
};
