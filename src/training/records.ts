import { InputError, NotFoundError } from '../errors.ts';
import type { RecordDType } from '../records/dtype.ts';
import { decodeExample } from '../records/example.ts';
import { parseMetadata } from '../records/metadata.ts';
import { checkSignal } from '../records/shard.ts';
import { streamRecords } from '../records/tfrecord.ts';
import type { ObjectStore } from '../storage/store.ts';

/** A dataset of preprocessed samples in the shards of a store, in the order of the labels. */
export interface RecordSet {
  store: ObjectStore;
  shards: readonly Shard[];
  /** Records in all shards. */
  count: number;
}

export interface Shard {
  name: string;
  records: number;
}

/** A record as it lies in its shard. */
export interface SignalRecord {
  /** '' where the record has none. */
  id: string;
  label: 0 | 1;
  dtype: RecordDType;
  /** Shape (3, 4096), little endian. A view of the bytes that were read. */
  signal: Uint8Array;
  /** The file it is in, and its place there, for messages. */
  object: string;
  offset: number;
}

const METADATA = 'metadata.json';
const SINGLE_FILE = 'train.tfrecord';

/**
 * Opens the records of a store: the shards that metadata.json names, or else a lone `train.tfrecord`, which is read once
 * to count its records.
 *
 * Throws NotFoundError when there is neither, and InputError when metadata.json or the file is broken or no record is
 * there.
 */
export async function openRecords(store: ObjectStore): Promise<RecordSet> {
  const shards = await listShards(store);
  const count = shards.reduce((sum, { records }) => sum + records, 0);
  if (count > 0) return { store, shards, count };
  throw new InputError({ object: store.location, found: 'no records', needed: 'at least one record' });
}

async function listShards(store: ObjectStore): Promise<Shard[]> {
  const [described, single] = await Promise.all([store.head(METADATA), store.head(SINGLE_FILE)]);
  if (described !== undefined) {
    const text = new TextDecoder().decode(await store.read(METADATA));
    // Beside a lone file lies the reference's metadata.json, which names no shards.
    if (single === undefined || /"shards"\s*:/.test(text)) {
      const { shards } = parseMetadata(text, store.location + METADATA);
      return shards.map(({ name, n_records }) => ({ name, records: n_records }));
    }
  }
  if (single === undefined) {
    // Other than a look for an object, a read tells when it is the bucket that isn't there.
    await store.read(METADATA).catch((error: unknown) => {
      if (!(error instanceof NotFoundError)) throw error;
    });
    throw new NotFoundError(`${store.location}${METADATA} or ${SINGLE_FILE}`);
  }
  let records = 0;
  for await (const _ of streamRecords(store.stream(SINGLE_FILE), store.location + SINGLE_FILE)) records++;
  return [{ name: SINGLE_FILE, records }];
}

/**
 * Records `first` up to, but without, `end`, streamed in their order; shards outside the range aren't opened.
 *
 * Throws InputError when a record is broken or isn't a sample (3, 4096) with a label 0 or 1, and when a shard that is
 * read to its end holds another number of records than it should.
 */
export async function* readRecordRange(
  { store, shards }: RecordSet,
  first: number,
  end: number,
): AsyncGenerator<SignalRecord> {
  let start = 0;
  for (const shard of shards) {
    const from = Math.max(first - start, 0);
    const to = Math.min(end - start, shard.records);
    if (from < to) yield* readShardRange(store, shard, from, to);
    start += shard.records;
  }
}

async function* readShardRange(
  store: ObjectStore,
  { name, records }: Shard,
  from: number,
  to: number,
): AsyncGenerator<SignalRecord> {
  const object = store.location + name;
  let index = 0;
  for await (const { data, offset } of streamRecords(store.stream(name), object)) {
    // The rest of a shard that the range ends in isn't read.
    if (index === to && to < records) return;
    if (index >= from && index < to) {
      const { id = '', label, signal } = decodeExample(data, object, offset);
      yield { id, label, signal, dtype: checkSignal(signal, object, offset), object, offset };
    }
    index++;
  }
  if (index !== records)
    throw new InputError({ object, found: `${index} records`, needed: `${records}, as were counted before` });
}
