/**
 * The lists that follow from what was added to a finished run. Each is changed by conditional writes, and the additions are
 * read after the list: whoever comes last writes what is true, and doing it again changes nothing.
 */
import { companionKey } from '../raw/row-ids.ts';
import { parseMetadata, serializeMetadata } from '../records/metadata.ts';
import { isAddedShardName } from '../records/shard.ts';
import type { ObjectStore } from '../storage/store.ts';
import { type Additions, readAdditions } from './additions.ts';
import { changeText } from './change.ts';
import { formatRejected, parseRejected, type Rejection } from './rejected.ts';
import { METADATA_KEY, REJECTED_KEY } from './work.ts';

export async function readRejected(records: ObjectStore): Promise<Rejection[]> {
  if ((await records.head(REJECTED_KEY)) === undefined) return [];
  return parseRejected(new TextDecoder().decode(await records.read(REJECTED_KEY)));
}

/** Makes rejected.csv and metadata.json tell what the additions do. */
export async function listAdditions(records: ObjectStore): Promise<void> {
  await changeText(records, REJECTED_KEY, async (text) => {
    const rows = replaceRows(text === undefined ? [] : parseRejected(text), await readAdditions(records));
    return text === undefined && rows.length === 0 ? undefined : formatRejected(rows);
  });
  await changeText(records, METADATA_KEY, async (text) => {
    const metadata = parseMetadata(text ?? '', `${records.location}${METADATA_KEY}`);
    const { shards: added } = await readAdditions(records);
    const shards = [
      ...metadata.shards.filter(({ name }) => !isAddedShardName(name)),
      ...added.map(({ name, records: n_records, bytes, sha256 }) => ({ name, n_records, bytes, sha256 })),
    ];
    const n_samples = shards.reduce((sum, { n_records }) => sum + n_records, 0);
    const n_failed = (await readRejected(records)).length;
    return serializeMetadata({ ...metadata, n_samples, n_failed, shards });
  });
}

/** The run's rows without those of samples that have a record now, or another reason, and of objects that came again. */
function replaceRows(rows: Rejection[], { shards, objects }: Additions): Rejection[] {
  const later = objects.flatMap(({ rejected }) => rejected);
  const ids = new Set([...shards.flatMap((shard) => shard.ids), ...later.map(({ id }) => id)]);
  ids.delete('');
  const files = new Set(objects.flatMap(({ key }) => [key, companionKey(key)]));
  const kept = rows.filter(
    ({ id, file }) => !ids.has(id) && !placesOf(file).some((place) => files.has(place)),
  );
  return [...kept, ...later];
}

/** Whether one of the rows is of an object, of what is in it, or of the file that names its samples. */
export function hasRowOf(rows: Rejection[], key: string): boolean {
  const companion = companionKey(key);
  return rows.some(({ file }) => file === companion || placesOf(file).includes(key));
}

/** The objects that a row's file may be, or be in: of `archive.tar!member.npy` it and `archive.tar`. */
function placesOf(file: string): string[] {
  const parts = file.split('!');
  return parts.map((_, index) => parts.slice(0, index + 1).join('!'));
}
