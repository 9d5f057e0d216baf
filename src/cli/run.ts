import { Command } from 'commander';
import { preprocessDataset } from '../pipeline/local.ts';
import { trainModel } from '../pipeline/train.ts';
import {
  datasetName,
  joinLocation,
  jsonOption,
  preprocessOptions,
  seedOption,
  trainOptions,
} from './options.ts';
import { describeRecords, type PreprocessFlags, preprocessSettings } from './preprocess.ts';
import { openTerminal, printResult, stopOnSignal } from './terminal.ts';
import { describeTraining, type TrainFlags, trainSettings } from './train.ts';

export function runCommand(): Command {
  const command = new Command('run')
    .description('preprocess raw samples, train on them and write all artifacts')
    .argument('<RAW>', 'raw samples and training_labels.csv')
    .argument('<OUT>', 'gets records/<dataset>/ and models/<dataset>/saved/')
    .addHelpText('after', '\nExample:\n  chirpline run g2net out --epochs 3 --learning-rate 1e-3');
  for (const option of [...preprocessOptions(), ...trainOptions(), seedOption(), jsonOption()])
    command.addOption(option);
  return command.action(async (raw: string, out: string, flags: PreprocessFlags & TrainFlags) => {
    const dataset = flags.dataset ?? datasetName(raw);
    const records = joinLocation(out, 'records', dataset);
    const models = joinLocation(out, 'models', dataset);
    const terminal = openTerminal();
    const stop = stopOnSignal();
    try {
      const metadata = await preprocessDataset(raw, records, preprocessSettings(raw, flags), terminal, stop);
      terminal.close();
      terminal.say(describeRecords(metadata, records));
      const saved = await trainModel(records, models, trainSettings(flags), terminal, stop);
      terminal.close();
      printResult(flags.json, { records: metadata, training: saved }, describeTraining(saved, models));
    } finally {
      terminal.close();
    }
  });
}
