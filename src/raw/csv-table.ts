/** CSV files that people write or edit: labels, and lists of ids. */
import { CsvError, parse } from 'csv-parse/sync';
import { InputError } from '../core/errors.ts';
import { quote } from '../core/quote.ts';
import { isSampleId, SAMPLE_ID_RULE } from './sample-ref.ts';

/** Bytes. 560,000 labels take 7 MB. */
export const TABLE_LIMIT = 1 << 28;

export interface Table {
  /** Names of the columns. */
  header: string[];
  /** Their numbers of cells may differ from the header's. */
  rows: string[][];
}

/** A row is far shorter than max_record_size. An unclosed quote would make the whole file one row. */
const OPTIONS = {
  skip_empty_lines: true,
  relax_column_count: true,
  max_record_size: 1 << 16,
  trim: true,
} as const;

/**
 * Parses CSV with a header line. CRLF, quotes, empty lines and blanks around cells are accepted. Throws InputError for any other text, and when the
 * header lacks one of the `columns`.
 */
export function parseTable(text: string, object: string, columns: readonly string[]): Table {
  const [header, ...rows] = parseCsv(text, object);
  if (header !== undefined && columns.every((name) => header.includes(name))) return { header, rows };
  throw new InputError({
    object,
    found:
      header === undefined ? 'no rows' : `the columns ${JSON.stringify(header.slice(0, 8)).slice(0, 80)}`,
    needed: `a header line with the ${columns.length === 1 ? 'column' : 'columns'} ${new Intl.ListFormat('en').format(columns)}`,
  });
}

function parseCsv(text: string, object: string): string[][] {
  try {
    return parse(text, OPTIONS);
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new InputError({ object, found: error.message, needed: 'a CSV file' }, { cause: error });
  }
}

/** What is wrong with a row's cells or with its id. */
export function rowFault(
  { header }: Table,
  row: readonly string[],
  id: string,
): { found: string; needed: string } | undefined {
  if (row.length !== header.length)
    return { found: `${row.length} ${row.length === 1 ? 'cell' : 'cells'}`, needed: `${header.length}` };
  return isSampleId(id) ? undefined : { found: `the id ${quote(id)}`, needed: SAMPLE_ID_RULE };
}

/** The line on which each row of the table ends. Parsing with line numbers takes five times as long, so only faults need it. */
export function findLines(text: string): number[] {
  const records = parse(text, { ...OPTIONS, info: true }) as unknown as { info: { lines: number } }[];
  return records.slice(1).map(({ info }) => info.lines);
}
