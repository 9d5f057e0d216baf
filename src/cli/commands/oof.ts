import { Command } from 'commander';
import { SettingError } from '../../core/errors.ts';
import { type FoldScores, orderFolds, scoreFolds } from '../../inference/out-of-fold.ts';
import {
  readPredictions,
  type StoredPredictions,
  serializePredictions,
} from '../../inference/predictions-file.ts';
import { jsonOption } from '../../options/command-options.ts';
import { splitLocation } from '../../storage/location.ts';
import { openStore } from '../../storage/open.ts';
import { probeWriting } from '../../storage/probe.ts';
import { printResult } from '../terminal.ts';

export function oofCommand(): Command {
  return new Command('oof')
    .argument('<FILES...>', 'predictions of each fold of one training, ..._predictions.csv')
    .requiredOption('--out <csv>', 'output file with rows id,target,prediction,fold')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExample:\n  chirpline oof models/g2net/saved/*_predictions.csv --out oof.csv' +
        '\n\nThe trainings before it: chirpline train records/g2net models/g2net --folds 5 --fold 0,' +
        '\nand the same with --fold 1 to 4.',
    )
    .action(async (files: string[], { out, json }: { out: string; json?: boolean }) => {
      const target = openFile(out);
      const sources = files.map(openFile);
      if (sources.some(({ object }) => object === target.object))
        throw new SettingError(`${out} is one of the files to join: give --out another name`);
      await probeWriting(target.store, target.key);
      const read: StoredPredictions[] = [];
      for (const { store, key } of sources) read.push(await readPredictions(store, key));
      const folds = orderFolds(read);
      const scores = scoreFolds(folds);
      await target.store.write(target.key, new TextEncoder().encode(serializePredictions(folds)));
      printResult(json, { out, ...scores }, describe(out, scores));
    });
}

function openFile(file: string) {
  const { folder, key } = splitLocation(file);
  const store = openStore(folder);
  return { store, key, object: `${store.location}${key}` };
}

function describe(out: string, { rows, auc, interval, folds }: FoldScores): string {
  const show = (value: number | null) => value?.toFixed(4) ?? 'undefined (one class only)';
  const range = interval === null ? 'unknown' : `${show(interval.low)} to ${show(interval.high)}`;
  return [
    `${rows} predictions of ${folds.length} ${folds.length === 1 ? 'fold' : 'folds'}: ${out}`,
    `AUC ${show(auc)}${auc === null ? '' : `  95 % interval ${range}`}`,
    ...folds.map(
      ({ fold, file, rows, auc }) => `  fold ${fold}  AUC ${show(auc)}  ${rows} records of ${file}`,
    ),
  ].join('\n');
}
