/** rejected.csv: every input that became no record, and why. */
import { isDeepStrictEqual } from 'node:util';
import { CsvError, parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import * as v from 'valibot';
import { InputError } from '../../core/errors.ts';
import { quote } from '../../core/quote.ts';
import { REJECTED_KEY } from './record-keys.ts';

const rejectionSchema = v.object({
  /** Empty for a labels row without an id and for a stray file. */
  id: v.string(),
  /** Key of the raw object, or `archive.tar!member.npy`; empty when no object exists. */
  file: v.string(),
  reason: v.string(),
  /** Key of the raw object that the row is about, or that led to it. Not in the file, like the next two fields. */
  key: v.optional(v.string()),
  /** The object version whose content was found bad. */
  etag: v.optional(v.string()),
  /** The object's current content is unknown: the object was overwritten or missing when it was to be read. */
  pending: v.optional(v.boolean()),
});
export type Rejection = v.InferOutput<typeof rejectionSchema>;

export const rejectionListSchema = v.array(rejectionSchema);

/** The file's text, in the order given. Cells that a spreadsheet would run as formulas are escaped. */
export function formatRejected(rows: readonly Rejection[]): string {
  return stringify(
    rows.map(({ id, file, reason }) => [id, file, reason]),
    { header: true, columns: ['id', 'file', 'reason'], escape_formulas: true },
  );
}

/** One line for messages. */
export function describeRejection({ id, file, reason }: Rejection): string {
  return [id, file, reason].filter((part) => part !== '').join(', ');
}

/** 0.01 as `1 %`. */
export function formatShare(share: number): string {
  return `${Number((share * 100).toPrecision(6))} %`;
}

/** Whether two lists have the same rows, in any order. */
export function sameRows(a: readonly Rejection[], b: readonly Rejection[]): boolean {
  const text = ({ id, file, reason, key, etag, pending }: Rejection) =>
    JSON.stringify([id, file, reason, key, etag, pending]);
  return isDeepStrictEqual(a.map(text).sort(), b.map(text).sort());
}

/** Rows of a file that formatRejected made. Throws InputError for any other file, such as one saved by a spreadsheet. */
export function parseRejected(text: string, object: string = REJECTED_KEY): Rejection[] {
  const refuse = (found: string, cause?: unknown) => {
    const needed = 'rows id,file,reason as chirpline writes them';
    return new InputError({ object, found, needed, advice: 'Restore the original file' }, { cause });
  };
  let rows: string[][];
  try {
    rows = parse(text, { relax_column_count: true });
  } catch (cause) {
    throw cause instanceof CsvError ? refuse(cause.message, cause) : cause;
  }
  const [header = [], ...rejected] = rows;
  if (header.join() !== 'id,file,reason') throw refuse(`the columns ${quote(header.join())}`);
  const bad = rejected.findIndex((row) => row.length !== 3);
  if (bad >= 0) throw refuse(`${rejected[bad]!.length} cells in row ${bad + 2}`);
  const unescaped = (cell = '') => cell.replace(/^'(?=[=+\-@\t\r\uff1d\uff0b\uff0d\uff20])/, '');
  return rejected.map(([id, file, reason]) => ({
    id: unescaped(id),
    file: unescaped(file),
    reason: unescaped(reason),
  }));
}
