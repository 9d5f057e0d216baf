/** The settings of a training in environment variables, as arguments of `chirpline train`. */
import { InvalidArgumentError, type Option } from 'commander';
import { type DatasetLocations, locateDataset } from '../../src/cloud/dataset.ts';
import { SettingError } from '../../src/core/errors.ts';
import { variableOf } from '../../src/core/setting.ts';

/** Flags of the output, which are no settings of a training. */
const FLAGS_ONLY = ['json'];

/**
 * The arguments that the variables stand for. Empty variables are ignored. `given` are the arguments of the command
 * line, which come after these and override them.
 *
 * Throws SettingError, naming the variable, when its flag would reject the value.
 */
export function readSettings(
  options: readonly Option[],
  env: NodeJS.ProcessEnv,
  given: readonly string[] = [],
): string[] {
  const variables = { ...env };
  // A child of an array job trains the fold of its index.
  if (env.FOLDS || given.some((word) => /^--folds(=|$)/.test(word))) {
    variables.FOLD ||= env.AWS_BATCH_JOB_ARRAY_INDEX;
  }
  return options
    .filter((option) => !FLAGS_ONLY.includes(option.name()))
    .flatMap((option) => {
      const name = variableOf(option.attributeName());
      const text = variables[name];
      if (text === undefined || text === '') return [];
      return option.isBoolean()
        ? readSwitch(option, name, text)
        : [`${option.long}=${checkValue(option, name, text)}`];
    });
}

function readSwitch(option: Option, name: string, text: string): string[] {
  if (!/^(true|false|1|0)$/.test(text)) {
    throw new SettingError(`${name} is ${JSON.stringify(text)}: needed true or false`);
  }
  return text === 'true' || text === '1' ? [option.long!] : [];
}

function checkValue(option: Option, name: string, text: string): string {
  try {
    option.parseArg?.(text, undefined);
    return text;
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw new SettingError(`${name} is ${JSON.stringify(text)}: ${error.message}`, { cause: error });
  }
}

/**
 * The places in BUCKET of the records, models and checkpoints of DATASET; undefined if neither is set. Throws
 * SettingError when only one is set, or when DATASET isn't the name of a dataset.
 */
export function readLocations({ BUCKET, DATASET }: NodeJS.ProcessEnv): DatasetLocations | undefined {
  if (!BUCKET && !DATASET) return undefined;
  if (!BUCKET)
    throw new SettingError('DATASET is set without BUCKET: set BUCKET to the bucket of the dataset');
  if (!DATASET)
    throw new SettingError(
      'BUCKET is set without DATASET: set DATASET to the name of a dataset in the bucket',
    );
  return locateDataset(BUCKET, DATASET);
}
