/** Settings of a training by environment variables, as arguments of `chirpline train`. */
import { InvalidArgumentError, type Option } from 'commander';
import { type DatasetLocations, locateDataset } from '../../src/cloud/dataset.ts';
import { SettingError } from '../../src/core/errors.ts';

/** How a result is printed is no setting of a training. */
const FLAGS_ONLY = ['json'];

/**
 * The arguments that the variables stand for; an empty variable stands for nothing. `given` are those of the command
 * line, which come after these and win.
 *
 * Throws SettingError, which names the variable, where one holds what its flag would not take.
 */
export function readSettings(
  options: readonly Option[],
  env: NodeJS.ProcessEnv,
  given: readonly string[] = [],
): string[] {
  const variables = { ...env };
  // A job of an array trains the fold of its place.
  if (env.FOLDS || given.some((word) => /^--folds(=|$)/.test(word))) {
    variables.FOLD ||= env.AWS_BATCH_JOB_ARRAY_INDEX;
  }
  return options
    .filter((option) => !FLAGS_ONLY.includes(option.name()))
    .flatMap((option) => {
      const name = variableOf(option);
      const text = variables[name];
      if (text === undefined || text === '') return [];
      return option.isBoolean()
        ? readSwitch(option, name, text)
        : [`${option.long}=${checkValue(option, name, text)}`];
    });
}

/** `BATCH_SIZE` of --batch-size. */
function variableOf(option: Option): string {
  return option.name().replaceAll('-', '_').toUpperCase();
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
 * Where BUCKET holds the records, models and checkpoints of DATASET; undefined where neither is set. Throws
 * SettingError when one is set alone, or is no dataset's name.
 */
export function readLocations({ BUCKET, DATASET }: NodeJS.ProcessEnv): DatasetLocations | undefined {
  if (!BUCKET && !DATASET) return undefined;
  if (!BUCKET) throw new SettingError('DATASET is set without BUCKET, which holds it');
  if (!DATASET) throw new SettingError('BUCKET is set without DATASET: which of those it holds?');
  return locateDataset(BUCKET, DATASET);
}
