import { Command } from 'commander';
import type { SavedRun } from '../pipeline/artifacts.ts';
import type { TrainSettings } from '../pipeline/train.ts';
import type { EngineKind } from '../training/engines.ts';
import { joinLocation, jsonOption, seedOption, trainOptions } from './options.ts';
import { attend, printResult } from './terminal.ts';

export interface TrainFlags {
  epochs: number;
  batchSize?: number;
  learningRate: number;
  dropout: number;
  seed: number;
  validationSplit: number;
  device: 'auto' | 'cpu' | 'gpu';
  engine: EngineKind;
  note?: string;
  json?: boolean;
}

export function trainCommand(): Command {
  const command = new Command('train')
    .description('train the model on shards and write its artifacts')
    .argument('<RECORDS>', 'shards with metadata.json, or a lone train.tfrecord')
    .argument('<OUT>', 'gets saved/')
    .addHelpText(
      'after',
      '\nExample:\n  chirpline train records/g2net models/g2net --epochs 10 --learning-rate 1e-3',
    );
  for (const option of [...trainOptions(), seedOption(), jsonOption()]) command.addOption(option);
  return command.action(async (records: string, out: string, flags: TrainFlags) => {
    const { trainModel } = await import('../pipeline/train.ts');
    const settings = trainSettings(flags);
    const saved = await attend((terminal, stop) => trainModel(records, out, settings, terminal, stop));
    printResult(flags.json, saved, describeTraining(saved, out));
  });
}

export function trainSettings(flags: TrainFlags): TrainSettings {
  const { epochs, batchSize, learningRate, dropout, seed, validationSplit, device, engine, note } = flags;
  return {
    epochs,
    learningRate,
    dropout,
    seed,
    validationSplit,
    device,
    engine,
    ...(batchSize !== undefined && { batchSize }),
    ...(note !== undefined && { note }),
  };
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
