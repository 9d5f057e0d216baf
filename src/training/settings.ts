/**
 * What decides how a model is trained. Each setting has one name everywhere: `batch_size` in config.json,
 * `--batch-size` on a command line, `BATCH_SIZE` in a container's environment.
 */
import { SettingError } from '../core/errors.ts';
import { choice, onOff, real, type Setting, type ValuesOf, whole } from '../core/setting.ts';
import { PRESETS, type Preset } from '../model/presets.ts';

export const SETTINGS = {
  preset: choice('model; it sets the defaults of all other settings', PRESETS),
  epochs: whole('maximum number of epochs', 1, 100_000),
  batch_size: whole('samples per step', 2, 65_536),
  learning_rate: real('initial learning rate of plateau, maximum of cosine', 1e-9, 1),
  schedule: choice('learning rate schedule: halved on a plateau, or a cosine down to 0', [
    'plateau',
    'cosine',
  ]),
  warmup_ratio: real('share of all steps in which cosine warms up', 0, 0.9),
  dropout_rate: real('share of the dense layers’ outputs that dropout sets to 0', 0, 0.99),
  validation_split: real('share of the records, starting with the first, kept for validation', 0, 0.9),
  folds: whole('parts of a cross-validation; 1: validation_split decides', 1, 1000),
  fold: whole('part kept for validation, from 0', 0, 999),
  seed: whole('seed of everything random', 0, 2 ** 31 - 1),
  precision: choice('precision of convolutions; mixed: 16 bits, in the type that the device computes fast', [
    'float32',
    'mixed',
  ]),
  average_weights: real(
    'decay of the moving average of the weights, which is validated, saved and used for prediction; 0: no average',
    0,
    0.99999,
  ),
  shuffle_buffer: whole('records in the shuffle buffer, 25 kB each', 1, 10_000_000),
  snr: choice('distribution of the network SNR of injected signals', ['lognormal', 'uniform']),
  snr_median: real('its median, if it is log-normal', 1e-3, 1e4),
  snr_sigma: real('standard deviation of its natural logarithm, if it is log-normal', 0, 3),
  snr_min: real('lowest SNR; lower ones are raised to it', 0, 1e4),
  snr_max: real('highest SNR; higher ones are lowered to it', 1e-3, 1e4),
  recombine: onOff(
    'augmentation: build each noise sample from the detectors of three noise samples of the batch',
  ),
  time_shift: real('augmentation: maximum time shift [ms]', 0, 1000),
  sign_flip: onOff('augmentation: flip the sign of half of the samples'),
  detector_swap: onOff('augmentation: swap H1 and L1 in half of the samples'),
  time_mask: real('augmentation: longest part of a sample that is set to 0, as a share of its time', 0, 0.5),
  noise: real(
    'augmentation: standard deviation of added white noise, before the tapers (the strain has 1.2)',
    0,
    10,
  ),
  mixup: real('augmentation: alpha of mixup’s beta distribution; 0: none', 0, 10),
} satisfies Record<string, Setting<unknown>>;

export type SettingName = keyof typeof SETTINGS;
export type Settings = ValuesOf<typeof SETTINGS>;

export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[];

/** Settings as given. The preset has defaults for the others, for the batch size depending on the device. */
export type GivenSettings = Partial<Settings>;

/** The reference's own numbers. */
const DIY: Omit<Settings, 'preset' | 'batch_size'> = {
  epochs: 50,
  learning_rate: 1e-4,
  schedule: 'plateau',
  warmup_ratio: 0,
  dropout_rate: 0.5,
  validation_split: 0.2,
  folds: 1,
  fold: 0,
  seed: 42,
  precision: 'float32',
  average_weights: 0,
  shuffle_buffer: 50_000,
  snr: 'lognormal',
  snr_median: 7.5,
  snr_sigma: 0.5,
  snr_min: 1.5,
  snr_max: 30,
  recombine: false,
  time_shift: 0,
  sign_flip: false,
  detector_swap: false,
  time_mask: 0,
  noise: 0,
  mixup: 0,
};

const COHERENT: typeof DIY = {
  ...DIY,
  epochs: 10,
  learning_rate: 4e-3,
  schedule: 'cosine',
  warmup_ratio: 0.1,
  average_weights: 0.99,
  recombine: true,
  time_shift: 20,
  sign_flip: true,
  detector_swap: true,
};

const MATCHED: typeof DIY = {
  ...DIY,
  epochs: 4,
  learning_rate: 2e-2,
  schedule: 'cosine',
  warmup_ratio: 0.1,
  dropout_rate: 0,
  recombine: true,
  detector_swap: true,
};

export const DEFAULTS: Readonly<Record<Preset, typeof DIY>> = {
  diy: DIY,
  coherent: COHERENT,
  'coherent-large': { ...COHERENT, epochs: 12, learning_rate: 7e-3 },
  'coherent-v1': { ...COHERENT, average_weights: 0 },
  matched: MATCHED,
};

const SMALL_BATCH = { cpu: 32, gpu: 64 };

/** Samples of a step where none are given: on a CPU, and on a GPU. */
export const DEFAULT_BATCH: Readonly<Record<Preset, typeof SMALL_BATCH>> = {
  diy: SMALL_BATCH,
  coherent: SMALL_BATCH,
  'coherent-large': { cpu: 64, gpu: 256 },
  'coherent-v1': SMALL_BATCH,
  matched: { cpu: 64, gpu: 256 },
};

/** All settings. Throws SettingError when two contradict each other. */
export function completeSettings(given: GivenSettings, device: 'cpu' | 'gpu'): Settings {
  const preset = given.preset ?? 'diy';
  const settings = { preset, batch_size: DEFAULT_BATCH[preset][device], ...DEFAULTS[preset], ...given };
  const { fold, folds, schedule, warmup_ratio } = settings;
  if (fold >= folds)
    throw new SettingError(`fold is ${fold} of ${folds} folds, needed one from 0 to ${folds - 1}`);
  if (preset === 'matched' && (settings.dropout_rate > 0 || settings.sign_flip))
    throw new SettingError(
      'dropout_rate and sign_flip have no effect on matched filters: set them to 0 and off, or choose another preset',
    );
  const { snr, snr_min, snr_median, snr_max } = settings;
  if (snr_min > snr_max) throw new SettingError(`snr_min is ${snr_min}, needed at most snr_max (${snr_max})`);
  if (snr === 'lognormal' && (snr_median < snr_min || snr_median > snr_max))
    throw new SettingError(
      `snr_median is ${snr_median}, needed a number from snr_min (${snr_min}) to snr_max (${snr_max})`,
    );
  if (warmup_ratio > 0 && schedule !== 'cosine') {
    throw new SettingError(
      `warmup_ratio is ${warmup_ratio} with the schedule ${schedule}, needed 0: only cosine warms up`,
    );
  }
  return settings;
}
