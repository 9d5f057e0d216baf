/** Out-of-fold predictions: every record's prediction by the model of a cross-validation that wasn't trained on it. */
import { ConflictError, InputError, SettingError } from '../core/errors.ts';
import { quote } from '../core/quote.ts';
import { aucInterval, type Interval } from '../training/fit/auc-interval.ts';
import { areaUnderRoc } from '../training/fit/metrics.ts';
import { rowNumber, type StoredPredictions } from './predictions-file.ts';

/** Areas under the ROC curve (AUC); null when one class is missing. */
export interface FoldScores {
  rows: number;
  /** Over the records of all folds. */
  auc: number | null;
  /** Of 95 %, for `auc`; null when it can't be estimated (aucInterval). */
  interval: Interval | null;
  folds: { fold: number; file: string; rows: number; auc: number | null }[];
}

/**
 * The files in the order of their folds. Throws ConflictError when two have the same fold, SettingError when a fold before the
 * last one is missing, and InputError when an id occurs twice. A missing last fold can't be detected.
 */
export function orderFolds(files: readonly StoredPredictions[]): StoredPredictions[] {
  const folds = files.toSorted((a, b) => a.fold - b.fold);
  for (const [index, { fold, object }] of folds.entries()) {
    const before = folds[index - 1];
    if (before?.fold === fold)
      throw new ConflictError(
        `${before.object} and ${object} both have fold ${fold}. Give one file of each fold of one training`,
      );
    if (fold !== index)
      throw new SettingError(
        `fold ${index} is missing, although ${object} has fold ${fold}. Give the files of all folds`,
      );
  }
  checkIds(folds);
  return folds;
}

function checkIds(files: readonly StoredPredictions[]): void {
  const seen = new Set<string>();
  for (const { ids, object } of files) {
    for (const [index, id] of ids.entries()) {
      if (seen.has(id)) {
        const earlier = files.find((file) => file.ids.includes(id))!;
        throw new InputError({
          object,
          found: `the id ${quote(id)} in row ${rowNumber(index)}, which row ${rowNumber(earlier.ids.indexOf(id))} of ${earlier.object} also has`,
          needed: 'unique ids',
        });
      }
      seen.add(id);
    }
  }
}

export function scoreFolds(folds: readonly StoredPredictions[]): FoldScores {
  const labels = Uint8Array.from(folds.flatMap((fold) => [...fold.labels]));
  const probabilities = Float64Array.from(folds.flatMap((fold) => [...fold.probabilities]));
  return {
    rows: labels.length,
    auc: areaUnderRoc(labels, probabilities),
    interval: aucInterval(labels, probabilities),
    folds: folds.map(({ fold, object, labels, probabilities }) => ({
      fold,
      file: object,
      rows: labels.length,
      auc: areaUnderRoc(labels, probabilities),
    })),
  };
}
