/** Ids of a stack's rows, which have no file names of their own. */
import { InputError, UnnamedError } from '../core/errors.ts';
import { quote } from '../core/quote.ts';
import type { ObjectStore } from '../storage/store.ts';
import { isSampleId, SAMPLE_ID_RULE } from './sample-ref.ts';
import { decodeText } from './utf8.ts';

export const COMPANION = '.ids.txt';

/** The companion file of `some/stack.npy` is `some/stack.ids.txt`, with one id per line. */
export function companionKey(key: string): string {
  return key.replace(/\.[^./]+$/, COMPANION);
}

/** The file name without folders and extension. */
export function baseName(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1).replace(/\.[^.]+$/, '');
}

/**
 * The ids of an object's `count` rows: from its companion file, else the labels' ids if there are `count` of them,
 * else, for a single row, the object's name. Throws UnnamedError when there are no ids, InputError when the
 * companion file is wrong.
 */
export async function nameRows(
  store: ObjectStore,
  key: string,
  count: number,
  labelIds: readonly string[] | undefined,
): Promise<readonly string[]> {
  const companion = companionKey(key);
  const info = await store.head(companion);
  if (info !== undefined) {
    // Per line 64 letters, CR and LF; a BOM, and a few empty lines at the end.
    const limit = count * 66 + 64;
    return parseIds(await store.read(companion, { offset: 0, length: limit + 1 }), companion, count, limit);
  }
  if (labelIds?.length === count) return labelIds;
  if (count === 1 && isSampleId(baseName(key))) return [baseName(key)];
  throw new UnnamedError({
    object: key,
    found: `${count} samples without ids`,
    needed: `${companion} with one id per line, or a labels file of exactly these samples in their order`,
  });
}

function parseIds(bytes: Uint8Array, object: string, count: number, limit: number): string[] {
  const ids = decodeText(bytes, object, limit).trimEnd().split(/\r?\n/);
  for (const [index, id] of ids.entries()) {
    if (isSampleId(id)) continue;
    const found = `${quote(id)} on line ${index + 1}`;
    throw new InputError({ object, found, needed: `an id of ${SAMPLE_ID_RULE}` });
  }
  if (ids.length !== count)
    throw new InputError({ object, found: `${ids.length} ids`, needed: `${count}, one per sample` });
  return ids;
}

/** The ids `<file>_<row>` for a stack's rows. Characters that ids can't have become `_`. */
export function numberRows(name: string, rows: number): string[] {
  const base = baseName(name)
    .replace(/[^A-Za-z0-9_-]/g, '_')
    .slice(0, 48);
  return Array.from({ length: rows }, (_, row) => `${base}_${row}`);
}
