/**
 * Datasets in the bucket: raw/<dataset>/ is uploaded, records/<dataset>/ and models/<dataset>/ are made of it, and
 * checkpoints/<dataset>/ is there while jobs train.
 */
import { SettingError } from '../core/errors.ts';

/** What a dataset may be called: it becomes part of keys, job names, execution names and command lines. */
export const DATASET_RULE = '1-64 letters, digits, _, - or ., the first a letter or digit';

export function isDatasetName(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/.test(text);
}

/** Throws SettingError when no dataset can have the name. */
function checkDatasetName(text: string): string {
  if (isDatasetName(text)) return text;
  throw new SettingError(`${JSON.stringify(text)} can't be the name of a dataset: needed ${DATASET_RULE}`);
}

export interface DatasetLocations {
  raw: string;
  records: string;
  models: string;
  checkpoints: string;
}

/** Where a dataset's parts are, as openStore takes it. Throws SettingError when no dataset can have the name. */
export function locateDataset(bucket: string, dataset: string): DatasetLocations {
  checkDatasetName(dataset);
  const at = (part: string) => `s3://${bucket}/${part}/${dataset}`;
  return { raw: at('raw'), records: at('records'), models: at('models'), checkpoints: at('checkpoints') };
}
