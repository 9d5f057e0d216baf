/** The options of a training job, as `chirpline submit` and the function `train` take them. */
import { Command, CommanderError } from 'commander';
import type { TrainingOptions } from '../cloud/training-job.ts';
import { SettingError } from '../core/errors.ts';
import { trainOptions } from './command-options.ts';
import { handOnOptions, readSettings, type TrainFlags } from './train-flags.ts';

/** @param command was parsed, and has the options of trainOptions. */
export async function readJobOptions(command: Command): Promise<TrainingOptions> {
  const flags = command.opts<TrainFlags>();
  const settings = await readSettings(flags);
  const said = (name: string) => command.getOptionValueSource(name) === 'cli';
  // The config file of one fold may serve for all of them.
  if (said('folds') && !said('fold')) delete settings.fold;
  const { fold, folds = 1 } = settings;
  return {
    options: handOnOptions(command, settings, ['--checkpoints', '--fresh']),
    ...(fold === undefined && folds > 1 && { folds }),
    ...(flags.checkpoints !== undefined && { checkpoints: flags.checkpoints }),
    ...(flags.fresh && { fresh: true }),
  };
}

/**
 * The same of words such as ['--epochs', '10']. A config file must lie in a bucket: whoever sends the words has no
 * files where they are read.
 *
 * Throws SettingError when `chirpline train` would not take them.
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
  const { config } = command.opts<TrainFlags>();
  if (config !== undefined && !config.startsWith('s3://')) {
    throw new SettingError(`--config is ${JSON.stringify(config)}: needed a file in a bucket, s3://...`);
  }
  return readJobOptions(command);
}
