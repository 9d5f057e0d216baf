/** truth.csv of `chirpline simulate`, or of another program: what was injected into the samples. */
import { InputError } from '../core/errors.ts';
import { quote } from '../core/quote.ts';
import { choice, real, type Setting } from '../core/setting.ts';
import { SAMPLE_LENGTH, SAMPLE_RATE } from '../core/strain.ts';
import { parseTable, rowFault, TABLE_LIMIT } from '../raw/csv-table.ts';
import { decodeText } from '../raw/utf8.ts';

export interface Injected {
  /** Network SNR. */
  snr: number;
  /** Merger time from the sample's start [s]. */
  tc: number;
}

export interface Truth {
  /** The file, for messages. */
  object: string;
  /** By id; null for noise. */
  samples: Map<string, Injected | null>;
}

const COLUMNS = ['id', 'target', 'snr_net', 'tc'] as const;
const TARGET = choice('label', ['0', '1']);
const SNR = real('network SNR', 0, 1e6);
const MERGER = real('merger time [s]', 0, SAMPLE_LENGTH / SAMPLE_RATE);

/**
 * Parses a UTF-8 CSV file with these columns, in any order; others are ignored, and so are the values of noise. Throws InputError
 * for any other file, and with the row when an id is invalid or repeated, or a value is out of range.
 */
export function parseTruth(bytes: Uint8Array, object: string): Truth {
  const table = parseTable(decodeText(bytes, object, TABLE_LIMIT), object, COLUMNS);
  const columns = COLUMNS.map((name) => table.header.indexOf(name));
  const samples: Truth['samples'] = new Map();
  for (const [index, row] of table.rows.entries()) {
    const refuse = (found: string, needed: string) =>
      new InputError({ object, found: `${found} in row ${index + 2}`, needed });
    const cells = columns.map((column) => row[column] ?? '');
    const [id, target, snr, tc] = cells as [string, string, string, string];
    const read = <T>(name: string, setting: Setting<T>, text: string): T => {
      const value = setting.parse(text);
      if (setting.accepts(value)) return value;
      throw refuse(`the ${name} ${quote(text)} of the sample ${id}`, setting.needed);
    };
    const fault = rowFault(table, row, id);
    if (fault !== undefined) throw refuse(fault.found, fault.needed);
    if (samples.has(id)) throw refuse(`the id ${id} a second time`, 'unique ids');
    const isSignal = read('target', TARGET, target) === '1';
    samples.set(id, isSignal ? { snr: read('snr_net', SNR, snr), tc: read('tc', MERGER, tc) } : null);
  }
  return { object, samples };
}

/**
 * What was injected into each sample; null for noise. Samples of the truth that aren't asked for are ignored. Throws InputError
 * at the first sample that the truth lacks, or whose label it contradicts.
 */
export function injectedInto(
  { object, samples }: Truth,
  ids: readonly string[],
  labels: Uint8Array,
): (Injected | null)[] {
  return ids.map((id, i) => {
    const injected = samples.get(id);
    const fault = (found: string, needed: string) =>
      new InputError({ object, found, needed, advice: 'Give the truth of these records' });
    if (injected === undefined) throw fault(`no row of the sample ${id}`, 'a row for each record');
    const target = injected === null ? 0 : 1;
    if (target === labels[i]) return injected;
    throw fault(`the target ${target} of the sample ${id}`, `${labels[i]}, its record's label`);
  });
}
