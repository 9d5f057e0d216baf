import { checkMachineSettings } from '../core/machine-settings.ts';
import type { Observer } from '../core/progress.ts';
import { requireAccepted, type Setting } from '../core/setting.ts';
import { preprocessDataset as runLocally } from '../preprocess/local-run.ts';
import {
  DATASET_NAME,
  PREPROCESS_DEFAULTS,
  PREPROCESS_SETTINGS,
  type RecordSettings,
} from '../preprocess/preprocess-settings.ts';
import { datasetName, splitLocation } from '../storage/location.ts';

/** The options of `chirpline preprocess`, with its defaults. */
export interface PreprocessOptions extends Partial<RecordSettings> {
  /** Name of the dataset in metadata.json. Default: the last part of `raw`. */
  dataset?: string;
  /** Worker threads. Default: one per core. */
  workers?: number;
  /** An avg_psd.npz to use instead of an estimate. */
  psd?: string;
}

export interface PreprocessedDataset {
  records: number;
  /** Inputs that became no record; rejected.csv says why. */
  rejected: number;
  /** Names of the shards in `records`. */
  shards: string[];
}

/**
 * Converts a folder of raw samples and its training_labels.csv to TFRecord shards, as `chirpline preprocess` does: it resumes
 * finished work, and gives the same bytes for any number of workers.
 *
 * @param raw, records folders or `s3://bucket/prefix`.
 * @returns the numbers of records and of rejected inputs, and the shards.
 * @throws SettingError for an option out of range; InputError for labels or a PSD that can't be read; ConflictError when `records` belong to other settings or another run
 * is active; TooManyRejectedError; StoppedError when `signal` is aborted.
 *
 * @example
 * import { preprocessDataset } from 'chirpline';
 *
 * const { records, rejected } = await preprocessDataset('raw', 'records', { shardSize: 256 });
 * console.log(records, 'records,', rejected, 'rejected');
 */
export async function preprocessDataset(
  raw: string,
  records: string,
  { psd, ...options }: PreprocessOptions = {},
  observer: Observer = {},
  signal?: AbortSignal,
): Promise<PreprocessedDataset> {
  const settings = {
    ...PREPROCESS_DEFAULTS,
    dataset: datasetName(raw),
    ...options,
    ...(psd !== undefined && { psd: splitLocation(psd) }),
  };
  checkMachineSettings(settings);
  requireAccepted(DATASET_NAME, settings.dataset, 'dataset');
  for (const [name, setting] of Object.entries<Setting<unknown>>(PREPROCESS_SETTINGS))
    requireAccepted(setting, settings[name as keyof RecordSettings], name);
  const { n_samples, n_failed, shards } = await runLocally(raw, records, settings, observer, signal);
  return { records: n_samples, rejected: n_failed, shards: shards.map(({ name }) => name) };
}
