/** rejected.csv: every input that became no record, and why. */
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
