/** Adds a preset `tiny` that has every kind of layer, few numbers, and an uneven number of paths. */
import {
  ARCHITECTURES,
  type Architecture,
  type Convolution,
  PRESETS,
  type Preset,
} from '../../src/model/presets.ts';
import { DEFAULT_BATCH, DEFAULTS } from '../../src/training/settings.ts';

const conv = (kernel: number, filters: number, after: Partial<Convolution> = {}): Convolution => ({
  kernel,
  filters,
  norm: true,
  silu: true,
  ...after,
});
const max: Partial<Convolution> = { pooling: { kind: 'max', points: 4 } };
const mean = (points: number): Partial<Convolution> => ({ silu: false, pooling: { kind: 'mean', points } });

const extractor = [
  conv(64, 3, max),
  { branches: [[conv(7, 2)], [conv(16, 3)], [conv(31, 2, { norm: false })]], join: 'concat' as const },
  conv(1, 4, mean(4)),
];

const TINY: Architecture = {
  timed: true,
  stages: [
    [
      { paths: [[0], [1]], layers: extractor },
      { paths: [[2]], layers: extractor },
    ],
    [
      { paths: [[1], [0], [2]], layers: [{ branches: [[conv(31, 4), conv(31, 4)], []], join: 'sum' }] },
      { paths: [[0, 1, 2]], layers: [conv(127, 5)] },
    ],
    [
      {
        paths: [[0, 1, 2, 3]],
        layers: [{ branches: [[conv(15, 6), conv(15, 8, mean(8))], [conv(15, 8, mean(8))]], join: 'sum' }],
      },
    ],
  ],
  dense: [{ name: 'fc1', units: 8 }],
};

export const TINY_PRESET = 'tiny' as Preset;
(PRESETS as readonly Preset[] as Preset[]).push(TINY_PRESET);
Object.assign(ARCHITECTURES, { [TINY_PRESET]: TINY });
Object.assign(DEFAULTS, { [TINY_PRESET]: DEFAULTS.coherent });
Object.assign(DEFAULT_BATCH, { [TINY_PRESET]: DEFAULT_BATCH.coherent });
