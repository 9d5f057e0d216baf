import { Command } from 'commander';
import { jsonOption, trainOptions } from '../../options/command-options.ts';
import { readSettings, type TrainFlags } from '../../options/train-flags.ts';
import { joinLocation } from '../../storage/location.ts';
import type { SavedRun } from '../../training-run/training-artifacts.ts';
import { attend, printResult } from '../terminal.ts';

export function trainCommand(): Command {
  const command = new Command('train')
    .argument('<RECORDS>', 'shards with metadata.json, or a single train.tfrecord')
    .argument('<OUT>', 'output folder for saved/ and, during training, checkpoints/')
    .addHelpText(
      'after',
      '\nExamples:\n  chirpline train records/g2net models/g2net --epochs 10 --learning-rate 1e-3\n' +
        '  chirpline train records/g2net models/g2net --preset coherent --folds 5 --fold 0',
    );
  for (const option of [...trainOptions(), jsonOption()]) command.addOption(option);
  return command.action(async (records: string, out: string, flags: TrainFlags) => {
    const { trainModel } = await import('../../training-run/training-run.ts');
    const settings = await readSettings(flags);
    const saved = await attend((terminal, stop) => trainModel(records, out, settings, flags, terminal, stop));
    printResult(flags.json, saved, describeTraining(saved, out));
  });
}

export function describeTraining({ run, metrics, files }: SavedRun, out: string): string {
  const { accuracy, auc, precision, recall, specificity } = metrics.val_metrics;
  const show = (value: number | null) => value?.toFixed(3) ?? '-';
  return [
    `best epoch ${metrics.best_epoch}:`,
    `  accuracy ${show(accuracy)}  AUC ${show(auc)}  precision ${show(precision)}  recall ${show(recall)}  ` +
      `specificity ${show(specificity)}`,
    `${files.length} files of ${run}:`,
    ...files.map((name) => `  ${joinLocation(out, name)}`),
  ].join('\n');
}
