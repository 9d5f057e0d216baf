/** rejected.csv: every input that became no record, and why. */
import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';

export interface Rejection {
  /** Empty where a row of the labels had none. */
  id: string;
  /** Key of the raw object; empty where there is none. */
  file: string;
  reason: string;
}

/** The file's text, in the order given. Cells that a spreadsheet would run as formulas are made harmless. */
export function formatRejected(rows: Rejection[]): string {
  return stringify(
    rows.map(({ id, file, reason }) => [id, file, reason]),
    { header: true, columns: ['id', 'file', 'reason'], escape_formulas: true },
  );
}

/** Whether `rejected` of `inputs` is more than the run tolerates; `limit` is a share (0.01) of them. */
export function exceeds(rejected: number, inputs: number, limit: number): boolean {
  return rejected > limit * inputs;
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
