/**
 * The settings that determine the records of a dataset. Each has one name everywhere: `shardSize` in a stage's file,
 * `--shard-size` on the command line, `SHARD_SIZE` in a function's environment.
 */
import { choice, pattern, share, type ValuesOf, whole } from '../core/setting.ts';

export const PREPROCESS_SETTINGS = {
  dtype: choice('type of the signal in the records', ['float16', 'float32']),
  shardSize: whole('samples in a shard', 1, 1 << 20),
  psdSamples: whole('maximum number of noise samples averaged for the PSD', 1, Number.MAX_SAFE_INTEGER),
  seed: whole('seed of all random choices', 0, 2 ** 31 - 1),
  maxRejected: share('stop if a larger share of the inputs is rejected'),
};

/** A name that becomes one part of a path. */
export const DATASET_NAME = pattern(
  'name of the dataset (default: the last part of RAW)',
  'name',
  /^(?!\.\.?$)[^/\\\p{Cc}]{1,64}$/u,
  '1-64 characters, without / and other than . and ..',
);

export type RecordSettings = ValuesOf<typeof PREPROCESS_SETTINGS>;

export const PREPROCESS_DEFAULTS: Readonly<RecordSettings> = {
  dtype: 'float16',
  shardSize: 1024,
  psdSamples: 10_000,
  seed: 42,
  maxRejected: 0.01,
};
