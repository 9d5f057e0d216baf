/**
 * What decides how a model is trained. Each setting has one name everywhere: `batch_size` in config.json,
 * `--batch-size` on a command line, `BATCH_SIZE` in a container's environment.
 */
import { SettingError } from '../core/errors.ts';
import { PRESETS, type Preset } from '../model/presets.ts';
import { choice, onOff, real, type Setting, whole } from './setting.ts';

export const SETTINGS = {
  preset: choice('the model, and with it the defaults of all other settings', PRESETS),
  epochs: whole('epochs at most', 1, 100_000),
  batch_size: whole('samples of a step', 2, 65_536),
  learning_rate: real('learning rate: the first one of plateau, the highest one of cosine', 1e-9, 1),
  schedule: choice('how the learning rate goes on: halved on a plateau, or along a cosine to 0', [
    'plateau',
    'cosine',
  ]),
  warmup_ratio: real('share of all steps in which the learning rate of cosine rises', 0, 0.9),
  dropout_rate: real('share of the dense layers’ outputs that is dropped', 0, 0.99),
  validation_split: real('share of the records, from the first one on, that is kept for validation', 0, 0.9),
  folds: whole('parts of a cross-validation; with 1 the validation split decides', 1, 1000),
  fold: whole('the part that is kept for validation, from 0', 0, 999),
  seed: whole('decides all that is random', 0, 2 ** 31 - 1),
  precision: choice('of convolutions and products; mixed: bfloat16 with float32 sums', ['float32', 'mixed']),
  shuffle_buffer: whole('records that the order is drawn from at a time, 25 kB each', 1, 10_000_000),
  time_shift: real('augmentation: samples are shifted by up to this [ms]', 0, 1000),
  sign_flip: onOff('augmentation: half of the samples change their sign'),
  detector_swap: onOff('augmentation: half of the samples have H1 and L1 swapped'),
  noise: real('augmentation: standard deviation of added white noise; the strain’s is 1', 0, 10),
  mixup: real('augmentation: alpha of the beta distribution that pairs are mixed by; 0: none', 0, 10),
} satisfies Record<string, Setting<unknown>>;

export type SettingName = keyof typeof SETTINGS;
type ValueOf<S> = S extends Setting<infer T> ? T : never;
export type Settings = { [K in SettingName]: ValueOf<(typeof SETTINGS)[K]> };

export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[];

/** What is given need not be all: the preset has defaults, and the device one for the batch size. */
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
  shuffle_buffer: 50_000,
  time_shift: 0,
  sign_flip: false,
  detector_swap: false,
  noise: 0,
  mixup: 0,
};

export const DEFAULTS: Readonly<Record<Preset, typeof DIY>> = {
  diy: DIY,
  coherent: {
    ...DIY,
    epochs: 10,
    learning_rate: 4e-3,
    schedule: 'cosine',
    warmup_ratio: 0.1,
    time_shift: 20,
    sign_flip: true,
    detector_swap: true,
  },
};

/** Samples of a step where none are given: on a CPU, and on a GPU. */
export const DEFAULT_BATCH = { cpu: 32, gpu: 64 } as const;

/** All settings. Throws SettingError when two contradict each other. */
export function completeSettings(given: GivenSettings, device: 'cpu' | 'gpu'): Settings {
  const preset = given.preset ?? 'diy';
  const settings = { preset, batch_size: DEFAULT_BATCH[device], ...DEFAULTS[preset], ...given };
  const { fold, folds, schedule, warmup_ratio } = settings;
  if (fold >= folds)
    throw new SettingError(`fold ${fold} of ${folds} folds: needed is one from 0 to ${folds - 1}`);
  if (warmup_ratio > 0 && schedule !== 'cosine') {
    throw new SettingError(
      `warmup_ratio ${warmup_ratio} with the schedule ${schedule}: only cosine warms up`,
    );
  }
  return settings;
}

/** Gives the setting `name` its value. Throws RangeError, which says what is needed, when it isn't one. */
export function acceptSetting(given: GivenSettings, name: SettingName, value: unknown): void {
  const setting: Setting<unknown> = SETTINGS[name];
  if (!setting.accepts(value)) throw new RangeError(setting.needed);
  Object.assign(given, { [name]: value });
}

/** `--batch-size` of batch_size. */
export function flagOf(name: SettingName): string {
  return `--${name.replaceAll('_', '-')}`;
}

/** `BATCH_SIZE` of batch_size. */
export function variableOf(name: SettingName): string {
  return name.toUpperCase();
}
