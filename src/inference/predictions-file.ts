/** predictions.csv: what a training predicts for its validation records. Its rows are those of `chirpline oof`, too. */
import { stringify } from 'csv-stringify/sync';

/** Predictions for the records of one fold by a model that wasn't trained on them, in the order of the records. */
export interface FoldPredictions {
  /** From 0. */
  fold: number;
  ids: string[];
  /** 0 (noise) or 1 (signal), one per id. */
  labels: Uint8Array;
  /** Probability of a signal in [0, 1], one per id. */
  probabilities: Float32Array;
}

const COLUMNS = ['id', 'target', 'prediction', 'fold'];

/** The text of the file: the rows of each fold, in the order given. The ids are written unchanged: see recordId. */
export function serializePredictions(folds: readonly FoldPredictions[]): string {
  const rows = folds.flatMap(({ fold, ids, labels, probabilities }) =>
    ids.map((id, index) => [id, String(labels[index]), String(probabilities[index]), String(fold)]),
  );
  return stringify(rows, { header: true, columns: COLUMNS });
}
