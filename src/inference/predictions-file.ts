/** predictions.csv: what a training predicts for its validation records. `chirpline oof` joins such files to one. */
import { stringify } from 'csv-stringify/sync';
import { InputError } from '../core/errors.ts';
import { quote } from '../core/quote.ts';
import { choice, real, type Setting } from '../core/setting.ts';
import { parseTable, rowFault, TABLE_LIMIT } from '../raw/csv-table.ts';
import { decodeText } from '../raw/utf8.ts';
import { readLimited } from '../storage/limited.ts';
import type { ObjectStore } from '../storage/store.ts';
import { SETTINGS } from '../training/settings.ts';

/** Predictions for the records of one fold by a model that wasn't trained on them, in the order of the records. */
export interface FoldPredictions {
  /** From 0. */
  fold: number;
  ids: string[];
  /** 0 (noise) or 1 (signal), one per id. */
  labels: Uint8Array;
  /** Probability of a signal in [0, 1], one per id. */
  probabilities: Float64Array;
}

/** The predictions of a file. */
export interface StoredPredictions extends FoldPredictions {
  /** The file, for messages. */
  object: string;
}

const COLUMNS = ['id', 'target', 'prediction', 'fold'] as const;
const TARGET = choice('label', ['0', '1']);
const PREDICTION = real('probability of a signal', 0, 1);

/** The text of the file: the rows of each fold, in the order given. The ids are written unchanged: see recordId. */
export function serializePredictions(folds: readonly FoldPredictions[]): string {
  const rows = folds.flatMap(({ fold, ids, labels, probabilities }) =>
    ids.map((id, index) => [id, String(labels[index]), String(probabilities[index]), String(fold)]),
  );
  return stringify(rows, { header: true, columns: [...COLUMNS] });
}

/** Reads the file from a store. Throws NotFoundError, and the errors of parsePredictions. */
export async function readPredictions(store: ObjectStore, key: string): Promise<StoredPredictions> {
  return parsePredictions(await readLimited(store, key, TABLE_LIMIT), `${store.location}${key}`);
}

/**
 * Parses a UTF-8 CSV file with these columns, in any order; others are ignored. Throws InputError for any other file, for one
 * without rows, and with the row when an id or a value is invalid or the fold isn't that of the first row.
 */
export function parsePredictions(bytes: Uint8Array, object: string): StoredPredictions {
  const table = parseTable(decodeText(bytes, object, TABLE_LIMIT), object, COLUMNS);
  const [idAt, targetAt, predictionAt, foldAt] = COLUMNS.map((name) => table.header.indexOf(name));
  const ids: string[] = [];
  const labels = new Uint8Array(table.rows.length);
  const probabilities = new Float64Array(table.rows.length);
  let fold: number | undefined;
  for (const [index, row] of table.rows.entries()) {
    const refuse = ({ found, needed }: { found: string; needed: string }) =>
      new InputError({ object, found: `${found} in row ${rowNumber(index)}`, needed });
    const read = <T>(name: string, setting: Setting<T>, text: string): T => {
      const value = setting.parse(text);
      if (setting.accepts(value)) return value;
      throw refuse({ found: `the ${name} ${quote(text)}`, needed: setting.needed });
    };
    const id = row[idAt!] ?? '';
    const fault = rowFault(table, row, id);
    if (fault !== undefined) throw refuse(fault);
    ids.push(id);
    labels[index] = Number(read('target', TARGET, row[targetAt!]!));
    probabilities[index] = read('prediction', PREDICTION, row[predictionAt!]!);
    const own = read('fold', SETTINGS.fold, row[foldAt!]!);
    fold ??= own;
    if (own !== fold) throw refuse({ found: `fold ${own}`, needed: `${fold}, as in the first row` });
  }
  if (fold === undefined)
    throw new InputError({ object, found: 'no row below the header', needed: 'predictions' });
  return { object, fold, ids, labels, probabilities };
}

/** The number of a row of predictions: the header is row 1, empty lines are not counted. */
export function rowNumber(index: number): number {
  return index + 2;
}
