/** The options of a training job, for `chirpline submit` and the function `train`. */
import { Command, CommanderError } from 'commander';
import type { TrainingOptions } from '../cloud/training-job.ts';
import { SettingError } from '../core/errors.ts';
import { trainOptions } from './command-options.ts';
import { handOnOptions, readSettings, type TrainFlags } from './train-flags.ts';

/**
 * Throws SettingError when the job, on another machine, couldn't read what an option names.
 *
 * @param command a parsed command with the options of trainOptions.
 */
export async function readJobOptions(command: Command): Promise<TrainingOptions> {
  const flags = command.opts<TrainFlags>();
  for (const name of ['inject', 'init'] as const) demandBucket(name, flags[name]);
  const settings = await readSettings(flags);
  const isGiven = (name: string) => command.getOptionValueSource(name) === 'cli';
  // The config file of one fold may be used to train all of them.
  if (isGiven('folds') && !isGiven('fold')) delete settings.fold;
  const { fold, folds = 1 } = settings;
  return {
    options: handOnOptions(command, settings, ['--checkpoints', '--fresh']),
    ...(fold === undefined && folds > 1 && { folds }),
    ...(flags.checkpoints !== undefined && { checkpoints: flags.checkpoints }),
    ...(flags.fresh && { fresh: true }),
  };
}

/**
 * Parses the options from words such as ['--epochs', '10']. A config file must be in a bucket, since the words are read on
 * another machine than the sender's.
 *
 * Throws SettingError when `chirpline train` would not accept them.
 */
export async function parseJobOptions(words: readonly string[]): Promise<TrainingOptions> {
  const command = new Command('train').exitOverride().configureOutput({ writeErr: () => {} });
  command.helpOption(false);
  for (const option of trainOptions()) command.addOption(option);
  try {
    command.parse(words, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    throw new SettingError(`options of the training job: ${error.message}`, { cause: error });
  }
  demandBucket('config', command.opts<TrainFlags>().config);
  return readJobOptions(command);
}

function demandBucket(name: string, location: string | undefined): void {
  if (location === undefined || location.startsWith('s3://')) return;
  throw new SettingError(
    `options of the training job: --${name} is ${JSON.stringify(location)}, needed a location in a bucket, s3://...`,
  );
}
