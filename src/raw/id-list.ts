/** Reads a list of ids, such as Kaggle's sample_submission.csv. */
import { InputError } from '../core/errors.ts';
import { quote } from '../core/quote.ts';
import { readLimited } from '../storage/limited.ts';
import type { ObjectStore } from '../storage/store.ts';
import { findLines, parseTable, rowFault, TABLE_LIMIT } from './csv-table.ts';
import { decodeText } from './utf8.ts';

export interface IdList {
  /** The file, for messages. */
  object: string;
  /** Distinct, in the file's order; at least one. */
  ids: string[];
}

/** Reads the list from a store. Throws NotFoundError, and the errors of parseIdList. */
export async function readIdList(store: ObjectStore, key: string): Promise<IdList> {
  const object = `${store.location}${key}`;
  return { object, ids: parseIdList(await readLimited(store, key, TABLE_LIMIT), object) };
}

/**
 * The ids in the column `id` of a UTF-8 CSV file with a header; other columns are ignored. Throws InputError for any other file,
 * for a list without ids, and with the line of the first row that has a wrong number of cells, no valid id or a repeated one.
 */
export function parseIdList(bytes: Uint8Array, object: string): string[] {
  const text = decodeText(bytes, object, TABLE_LIMIT);
  const table = parseTable(text, object, ['id']);
  const column = table.header.indexOf('id');
  const ids = new Set<string>();
  for (const [index, row] of table.rows.entries()) {
    const { [column]: id = '' } = row;
    const repeated = ids.has(id) ? { found: `the id ${quote(id)} again`, needed: 'each id once' } : undefined;
    const fault = rowFault(table, row, id) ?? repeated;
    if (fault !== undefined) {
      const found = `${fault.found} on line ${findLines(text)[index]}`;
      throw new InputError({ object, found, needed: fault.needed });
    }
    ids.add(id);
  }
  if (ids.size === 0) throw new InputError({ object, found: 'no row below the header', needed: 'ids' });
  return [...ids];
}
