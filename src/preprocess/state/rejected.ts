/** rejected.csv: every input that became no record, and why. */
import { CsvError, parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import * as v from 'valibot';
import { InputError } from '../../core/errors.ts';
import { quote } from '../../core/quote.ts';
import { REJECTED_KEY } from './record-keys.ts';

export interface Rejection {
  /** Empty where there is none: a row of the labels without an id, a stray file. */
  id: string;
  /** Key of the raw object, or `archive.tar!member.npy`; empty where there is none. */
  file: string;
  reason: string;
  /** The raw object that the row is about, or was found by. Not in the file, like the two that follow. */
  key?: string | undefined;
  /** The version of it whose content was found bad. */
  etag?: string | undefined;
  /** Nobody has seen what is in the object now: it was changed or away when it was to be read. */
  pending?: boolean | undefined;
}

export const rejectionSchema = v.object({
  id: v.string(),
  file: v.string(),
  reason: v.string(),
  key: v.optional(v.string()),
  etag: v.optional(v.string()),
  pending: v.optional(v.boolean()),
});

export const rejectionListSchema = v.array(rejectionSchema);

/** The file's text, in the order given. Cells that a spreadsheet would run as formulas are made harmless. */
export function formatRejected(rows: readonly Rejection[]): string {
  return stringify(
    rows.map(({ id, file, reason }) => [id, file, reason]),
    { header: true, columns: ['id', 'file', 'reason'], escape_formulas: true },
  );
}

/** In one line for a person. */
export function describeRejection({ id, file, reason }: Rejection): string {
  return [id, file, reason].filter((part) => part !== '').join(', ');
}

/** 0.01 as `1 %`. */
export function formatShare(share: number): string {
  return `${Number((share * 100).toPrecision(6))} %`;
}

/** Whether `rejected` of `inputs` is more than the run tolerates; `limit` is a share (0.01) of them. */
export function exceeds(rejected: number, inputs: number, limit: number): boolean {
  return rejected > limit * inputs;
}

/** Whether two lists have the same rows, in whatever order. */
export function sameRows(a: readonly Rejection[], b: readonly Rejection[]): boolean {
  const text = ({ id, file, reason, key, etag, pending }: Rejection) =>
    JSON.stringify([id, file, reason, key, etag, pending]);
  const [texts, others] = [a.map(text).sort(), b.map(text).sort()];
  return a.length === b.length && texts.every((row, index) => row === others[index]);
}

/** Rows of a file that formatRejected made. Throws InputError when it is another one, as spreadsheets leave it. */
export function parseRejected(text: string, object: string = REJECTED_KEY): Rejection[] {
  const refuse = (found: string, cause?: unknown) => {
    const needed = 'rows id,file,reason as chirpline writes them';
    return new InputError({ object, found, needed, advice: 'Restore the file as it was' }, { cause });
  };
  let rows: string[][];
  try {
    rows = parse(text, { relax_column_count: true });
  } catch (cause) {
    if (cause instanceof CsvError) throw refuse(cause.message, cause);
    throw cause;
  }
  const [header = [], ...rejected] = rows;
  if (header.join() !== 'id,file,reason') throw refuse(`the columns ${quote(header.join())}`);
  return rejected.map((row, index) => {
    if (row.length !== 3) throw refuse(`${row.length} cells in row ${index + 2}`);
    const [id, file, reason] = row.map((cell) =>
      cell.replace(/^'(?=[=+\-@\t\r\uff1d\uff0b\uff0d\uff20])/, ''),
    );
    return { id: id!, file: file!, reason: reason! };
  });
}
