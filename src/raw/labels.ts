/** Reads training_labels.csv, which says which samples contain a signal. */
import { quote } from '../core/quote.ts';
import { findLines, parseTable, rowFault, TABLE_LIMIT } from './csv-table.ts';
import { isSampleId, type RawFault } from './sample-ref.ts';
import { decodeText } from './utf8.ts';

/** Stored beside the raw samples. In a bucket, its upload starts the run. */
export const LABELS_KEY = 'training_labels.csv';

export interface Label {
  id: string;
  /** 1 = signal, 0 = noise only. */
  target: 0 | 1;
}

export interface Labels {
  labels: Label[];
  faults: RawFault[];
  /** Rows that repeat another row exactly. */
  repeated: number;
}

/**
 * The labels in the file's order, and a fault for each invalid row: a bad id, a target other than 0 or 1, a number of cells
 * other than the header's, or rows of one id that differ (then all of them). A row that repeats another row exactly is counted
 * in `repeated`. Every other row below the header becomes a label or a fault.
 *
 * The file is UTF-8 CSV with a header that names the columns `id` and `target`; other columns are ignored. A BOM, CRLF,
 * quotes, empty lines, blanks around cells and targets such as 1.0 are accepted. Throws InputError for any other file.
 */
export function parseLabels(bytes: Uint8Array, object: string): Labels {
  const text = decodeText(bytes, object, TABLE_LIMIT);
  const labels = parsePlain(text);
  if (labels !== undefined) return { labels, faults: [], repeated: 0 };
  return parseAny(text, object);
}

/**
 * The labels of a file in the form that Kaggle writes, if no row is invalid or repeated; otherwise undefined.
 * Ten times as fast as the CSV parser, which takes seconds for 560,000 rows.
 */
function parsePlain(text: string): Label[] | undefined {
  if (!text.startsWith('id,target\n')) return undefined;
  const labels: Label[] = [];
  let ascending = true;
  for (let start = text.indexOf('\n') + 1; start < text.length; ) {
    const newline = text.indexOf('\n', start);
    const end = newline < 0 ? text.length : newline;
    const id = text.slice(start, end - 2);
    const target = text[end - 1];
    if (text[end - 2] !== ',' || (target !== '0' && target !== '1') || !isSampleId(id)) return undefined;
    ascending &&= labels.length === 0 || id > labels.at(-1)!.id;
    labels.push({ id, target: target === '1' ? 1 : 0 });
    start = end + 1;
  }
  // Ascending ids, as in Kaggle's file, can't repeat.
  return ascending || new Set(labels.map(({ id }) => id)).size === labels.length ? labels : undefined;
}

/** Programs that hold the targets as floating-point numbers write 1.0 (pandas after a merge) or 1.000e+00 (numpy.savetxt). */
const TARGET = /^[01](\.0*(e[+-]?0+)?)?$/i;

function parseAny(text: string, object: string): Labels {
  const table = parseTable(text, object, ['id', 'target']);
  const { header, rows } = table;
  const idColumn = header.indexOf('id');
  const targetColumn = header.indexOf('target');
  /** The distinct rows of each id. */
  const versions = new Map<string, Set<string>>();
  const counts = new Map<string, number>();
  for (const row of rows) {
    const { [idColumn]: id = '' } = row;
    counts.set(id, (counts.get(id) ?? 0) + 1);
    const known = versions.get(id) ?? new Set();
    versions.set(id, known.add(JSON.stringify(row)));
  }
  let repeated = 0;
  const seen = new Set<string>();
  const labels: Label[] = [];
  const invalid: { index: number; id: string; reason: string }[] = [];
  for (const [index, row] of rows.entries()) {
    const { [idColumn]: id = '', [targetColumn]: target = '' } = row;
    const alone = versions.get(id)!.size === 1;
    if (alone && id !== '' && seen.has(id)) {
      repeated += 1;
      continue;
    }
    seen.add(id);
    const fault = rowFault(table, row, id);
    if (fault !== undefined) {
      const reason = `found ${fault.found}, needed ${fault.needed}`;
      invalid.push({ index, id: isSampleId(id) ? id : '', reason });
    } else if (!alone) invalid.push({ index, id, reason: `${counts.get(id)} labels have this id` });
    else if (TARGET.test(target)) labels.push({ id, target: target.startsWith('1') ? 1 : 0 });
    else invalid.push({ index, id, reason: `found the target ${quote(target)}, needed 0 or 1` });
  }
  const lines = invalid.length === 0 ? [] : findLines(text);
  const faults = invalid.map(({ index, id, reason }) => ({
    id,
    file: object,
    reason: `${reason} (line ${lines[index]})`,
  }));
  return { labels, faults, repeated };
}
