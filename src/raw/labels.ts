/** training_labels.csv: which samples hold a signal. */
import { CsvError, parse } from 'csv-parse/sync';
import { InputError } from '../core/errors.ts';
import { quote } from '../core/quote.ts';
import { isSampleId, type RawFault, SAMPLE_ID_RULE } from './sample-ref.ts';
import { decodeText } from './utf8.ts';

/** Beside the raw samples; in a bucket its upload starts the run. */
export const LABELS_KEY = 'training_labels.csv';

export interface Label {
  id: string;
  /** 1 = signal, 0 = noise only. */
  target: 0 | 1;
}

export interface Labels {
  labels: Label[];
  faults: RawFault[];
  repeated: number;
}

/** 560,000 rows take 7 MB. */
const LABELS_LIMIT = 1 << 28;

/**
 * The labels in the file's order, and the rows that are none: a bad id, a target that isn't 0 or 1, another number of
 * cells than the header has, an id to which rows give different targets (then all of them). A row that repeats another one word
 * for word is counted in `repeated`; every other row below the header ends in one of the two lists.
 *
 * The file is UTF-8 CSV with a header that names the columns `id` and `target`; others are ignored. A BOM, CRLF,
 * quotes and empty lines are accepted. Throws InputError when the file isn't that.
 */
export function parseLabels(bytes: Uint8Array, object: string): Labels {
  const text = decodeText(bytes, object, LABELS_LIMIT);
  const labels = parsePlain(text);
  if (labels !== undefined) return { labels, faults: [], repeated: 0 };
  return parseAny(text, object);
}

/**
 * The labels of a file as formatLabels and Kaggle write it, without a fault; undefined of any other, for which a CSV parser is
 * needed. Ten times as fast as that, which for 560,000 rows is seconds.
 */
function parsePlain(text: string): Label[] | undefined {
  const lines = text.split('\n');
  if (lines.shift() !== 'id,target') return undefined;
  if (lines.at(-1) === '') lines.pop();
  const labels: Label[] = [];
  const ids = new Set<string>();
  for (const line of lines) {
    const id = line.slice(0, -2);
    if (!/,[01]$/.test(line) || !isSampleId(id)) return undefined;
    ids.add(id);
    labels.push({ id, target: line.endsWith('1') ? 1 : 0 });
  }
  return ids.size === labels.length ? labels : undefined;
}

function parseAny(text: string, object: string): Labels {
  const [header, ...rows] = parseCsv(text, object);
  const idColumn = header?.indexOf('id') ?? -1;
  const targetColumn = header?.indexOf('target') ?? -1;
  if (header === undefined || idColumn < 0 || targetColumn < 0) {
    const found =
      header === undefined ? 'no rows' : `the columns ${JSON.stringify(header.slice(0, 8)).slice(0, 80)}`;
    throw new InputError({ object, found, needed: 'a first line with the columns id and target' });
  }
  /** The different rows that there are of an id. */
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
  const wrong: { index: number; id: string; reason: string }[] = [];
  for (const [index, row] of rows.entries()) {
    const { [idColumn]: id = '', [targetColumn]: target = '' } = row;
    const alone = versions.get(id)!.size === 1;
    if (alone && id !== '' && seen.has(id)) {
      repeated += 1;
      continue;
    }
    seen.add(id);
    if (row.length !== header.length) {
      const found = `${row.length} ${row.length === 1 ? 'cell' : 'cells'}`;
      wrong.push({ index, id: isSampleId(id) ? id : '', reason: `found ${found}, needed ${header.length}` });
    } else if (!isSampleId(id))
      wrong.push({ index, id: '', reason: `found the id ${quote(id)}, needed ${SAMPLE_ID_RULE}` });
    else if (!alone) wrong.push({ index, id, reason: `${counts.get(id)} labels have this id` });
    else if (target === '0' || target === '1') labels.push({ id, target: target === '1' ? 1 : 0 });
    else wrong.push({ index, id, reason: `found the target ${quote(target)}, needed 0 or 1` });
  }
  const lines = wrong.length === 0 ? [] : findLines(text);
  const faults = wrong.map(({ index, id, reason }) => ({
    id,
    file: object,
    reason: `${reason} (line ${lines[index + 1]})`,
  }));
  return { labels, faults, repeated };
}

/** The labels as a file that `parseLabels` and Kaggle's readers accept. */
export function formatLabels(labels: Iterable<Label>): string {
  let text = 'id,target\n';
  for (const { id, target } of labels) text += `${id},${target}\n`;
  return text;
}

/** One record is far below this; an unclosed quote would make one of the whole file. */
const OPTIONS = { skip_empty_lines: true, relax_column_count: true, max_record_size: 1 << 16 } as const;

function parseCsv(text: string, object: string): string[][] {
  try {
    return parse(text, OPTIONS);
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new InputError({ object, found: error.message, needed: 'a CSV file' }, { cause: error });
  }
}

/** The line on which each record ends. Asked for only when there is something to say: it takes five times as long. */
function findLines(text: string): number[] {
  const records = parse(text, { ...OPTIONS, info: true }) as unknown as { info: { lines: number } }[];
  return records.map(({ info }) => info.lines);
}
