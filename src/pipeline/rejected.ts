/** rejected.csv: every input that became no record, and why. */
import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import * as v from 'valibot';

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

/** Rows of a file that formatRejected made. */
export function parseRejected(text: string): Rejection[] {
  const rows: string[][] = parse(text, { from: 2 });
  return rows.map((row) => {
    const [id = '', file = '', reason = ''] = row.map((cell) =>
      cell.replace(/^'(?=[=+\-@\t\r\uff1d\uff0b\uff0d\uff20])/, ''),
    );
    return { id, file, reason };
  });
}
