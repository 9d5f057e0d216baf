/** The architectures of the models as data, which network-plan.ts expands and model.ts computes. */

/** A convolution, and what follows it in this order. */
export interface Convolution {
  filters: number;
  /** Length of the kernels [points]. */
  kernel: number;
  norm: boolean;
  silu: boolean;
  /**
   * What every so many time points become. `max`, of POOLING points, only after norm and SiLU, with which it is computed in one.
   * `mean` is a generalized mean (GeM) with a learned power.
   */
  pooling?: { kind: 'max' | 'mean'; points: number };
}

/** Convolutions one after another, on branches with a common input. A branch without convolutions is the input itself. */
export interface Layer {
  branches: readonly (readonly Convolution[])[];
  /** The branches' sum, activated by SiLU, or their channels side by side. */
  join: 'sum' | 'concat';
}

/** Layers that several paths have in common, with the same weights. */
export interface Shared {
  /**
   * Each path starts from the channels of these maps side by side, aligned in time: numbers of the detectors in the first stage,
   * then of the previous stage's paths.
   */
  paths: readonly (readonly number[])[];
  layers: readonly (Convolution | Layer)[];
}

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
  /**
   * The paths of each stage. Those of the last one have the same weights and end in a generalized mean over time, whose results lie
   * side by side.
   */
  stages: readonly (readonly Shared[])[];
  /** Dense layer, batch norm, SiLU, dropout each. */
  dense: readonly Dense[];
}

/** How many time points a max-pool reduces to one. */
export const POOLING = 4;

/** The limits to which the generalized mean over time clips its input, and its p. */
export const POOLED_RANGE = [1e-6, 1e10] as const;
export const POWER_RANGE = [1, 10] as const;

const maxPooled = (kernel: number, filters: number): Convolution => ({
  kernel,
  filters,
  norm: true,
  silu: true,
  pooling: { kind: 'max', points: POOLING },
});

const pooledMean = (points: number): Pick<Convolution, 'pooling'> =>
  points === 1 ? {} : { pooling: { kind: 'mean', points } };

/**
 * conv-BN-SiLU-conv-BN-GeM plus the input, which has conv-BN-GeM of its own where its shape changes; then SiLU. Without `points` no
 * GeM.
 */
function residual(kernel: number, inputs: number, filters: number, points = 1): Layer {
  const first: Convolution = { kernel, filters, norm: true, silu: true };
  const last: Convolution = { kernel, filters, norm: true, silu: false, ...pooledMean(points) };
  return { branches: [[first, last], inputs === filters && points === 1 ? [] : [last]], join: 'sum' };
}

/** The same weights for all detectors. */
const ALL_DETECTORS = [[0], [1], [2]];
const H1_AND_L1 = [[0], [1]];
const V1 = [[2]];

const COHERENT_V1: Architecture = {
  timed: false,
  stages: [
    [{ paths: ALL_DETECTORS, layers: [maxPooled(64, 32), maxPooled(32, 64)] }],
    [{ paths: [[0, 1, 2]], layers: [maxPooled(16, 128), maxPooled(8, 256)] }],
  ],
  dense: [{ name: 'fc1', units: 64 }],
};

/**
 * "V2" of the third place of the G2Net competition (Wang et al., github.com/ZiyueWang25/Kaggle_G2Net), except that it ends in our
 * weighted mean over time instead of a maximum and a mean, and without stochastic depth. Channels and multiply-adds grow with
 * `width` and its square.
 */
function residualNetwork(width: number): Architecture {
  const extractor: Shared['layers'] = [
    { kernel: 127, filters: width, norm: true, silu: true },
    { kernel: 127, filters: width, norm: false, silu: false, ...pooledMean(2) },
    residual(31, width, width, 4),
    residual(31, width, width),
  ];
  const reduce = (channels: number) => [
    residual(31, channels, channels, 4),
    residual(31, channels, channels),
  ];
  return {
    timed: true,
    stages: [
      [
        { paths: H1_AND_L1, layers: extractor },
        { paths: V1, layers: extractor },
      ],
      [
        { paths: H1_AND_L1, layers: reduce(width) },
        { paths: V1, layers: reduce(width) },
        { paths: [[0, 1, 2]], layers: reduce(3 * width) },
      ],
      [
        {
          paths: [[0, 1, 2, 3]],
          layers: [
            residual(15, 6 * width, 4 * width, 4),
            residual(15, 4 * width, 4 * width),
            residual(7, 4 * width, 8 * width, 4),
            residual(7, 8 * width, 8 * width),
          ],
        },
      ],
    ],
    dense: [
      { name: 'fc1', units: 256 },
      { name: 'fc2', units: 256 },
    ],
  };
}

/**
 * `diy` is the DIYModel of the reference. `coherent` merges the detectors while time is still resolved. `coherent-v1` is the
 * architecture that `coherent` had before it knew about time. `coherent-large` is for hundreds of thousands of samples and a GPU. `matched` is a
 * search with matched filters (matched-filters.ts); the others are convolutional networks.
 */
export const PRESETS = ['diy', 'coherent', 'coherent-large', 'coherent-v1', 'matched'] as const;
export type Preset = (typeof PRESETS)[number];
export type ConvolutionalPreset = Exclude<Preset, 'matched'>;

export function isConvolutional(preset: Preset): preset is ConvolutionalPreset {
  return preset !== 'matched';
}

export const ARCHITECTURES: Readonly<Record<ConvolutionalPreset, Architecture>> = {
  diy: {
    timed: false,
    stages: [
      [
        {
          paths: ALL_DETECTORS,
          layers: [maxPooled(64, 32), maxPooled(32, 64), maxPooled(16, 128), maxPooled(8, 256)],
        },
      ],
    ],
    dense: [
      { name: 'fc1', units: 256 },
      { name: 'fc2', units: 64 },
    ],
  },
  coherent: { ...COHERENT_V1, timed: true },
  'coherent-v1': COHERENT_V1,
  'coherent-large': residualNetwork(16),
};
