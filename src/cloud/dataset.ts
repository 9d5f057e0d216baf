/**
 * Where the bucket holds a dataset: raw/<dataset>/ is uploaded, records/<dataset>/ and models/<dataset>/ are made from it, and
 * checkpoints/<dataset>/ exists while jobs train.
 */
import { SettingError } from '../core/errors.ts';

/** The names that a dataset may have: they become part of keys, job names, execution names and command lines. */
export const DATASET_RULE = '1-64 letters, digits, _, - or ., the first a letter or digit';

export function isDatasetName(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/.test(text);
}

export interface DatasetLocations {
  raw: string;
  records: string;
  models: string;
  checkpoints: string;
}

/** The locations of a dataset's parts, for openStore. Throws SettingError when the name isn't allowed. */
export function locateDataset(bucket: string, dataset: string): DatasetLocations {
  if (!isDatasetName(dataset)) {
    throw new SettingError(
      `${JSON.stringify(dataset)} can't be the name of a dataset: needed ${DATASET_RULE}`,
    );
  }
  const at = (part: string) => `s3://${bucket}/${part}/${dataset}`;
  return { raw: at('raw'), records: at('records'), models: at('models'), checkpoints: at('checkpoints') };
}
