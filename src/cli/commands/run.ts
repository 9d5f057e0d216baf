import { Command } from 'commander';
import { jsonOption, preprocessOptions, trainOptions } from '../../options/command-options.ts';
import { readSettings, type TrainFlags } from '../../options/train-flags.ts';
import { datasetName, joinLocation } from '../../storage/location.ts';
import { DEFAULTS } from '../../training/settings.ts';
import { attend, printResult } from '../terminal.ts';
import { describeRecords, type PreprocessFlags, preprocessSettings } from './preprocess.ts';
import { describeTraining } from './train.ts';

export function runCommand(): Command {
  const command = new Command('run')
    .argument('<RAW>', 'raw samples and training_labels.csv')
    .argument('<OUT>', 'output folder for records/<dataset>/ and models/<dataset>/saved/')
    .addHelpText('after', '\nExample:\n  chirpline run g2net out --epochs 3 --learning-rate 1e-3');
  for (const option of [...preprocessOptions(), ...trainOptions(), jsonOption()]) command.addOption(option);
  return command.action(async (raw: string, out: string, flags: PreprocessFlags & TrainFlags) => {
    const dataset = flags.dataset ?? datasetName(raw);
    const records = joinLocation(out, 'records', dataset);
    const models = joinLocation(out, 'models', dataset);
    const { preprocessDataset } = await import('../../preprocess/local-run.ts');
    const { openInitialModel } = await import('../../training-run/initial-model.ts');
    const { trainModel } = await import('../../training-run/training-run.ts');
    const settings = await readSettings(flags);
    // Before the preprocessing, which may take hours.
    if (flags.init !== undefined) await openInitialModel(flags.init, settings);
    const preprocessing = preprocessSettings(raw, { ...flags, seed: settings.seed ?? DEFAULTS.diy.seed });
    const result = await attend(async (terminal, stop) => {
      const metadata = await preprocessDataset(raw, records, preprocessing, terminal, stop);
      terminal.say(describeRecords(metadata, records));
      return {
        records: metadata,
        training: await trainModel(records, models, settings, flags, terminal, stop),
      };
    });
    printResult(flags.json, result, describeTraining(result.training, models));
  });
}
