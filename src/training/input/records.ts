import { createHash } from 'node:crypto';
import pLimit from 'p-limit';
import { InputError, NotFoundError } from '../../core/errors.ts';
import { decodeExample } from '../../records/example.ts';
import { METADATA_KEY, METADATA_LIMIT, type Metadata, parseMetadata } from '../../records/metadata.ts';
import type { RecordDType } from '../../records/record-dtype.ts';
import { checkSignal } from '../../records/shard.ts';
import { streamRecords } from '../../records/tfrecord.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { listParts, type ShardPart } from './order.ts';
import { checkHash } from './shard-hash.ts';

/** A dataset of preprocessed samples in the shards of a store, in the order of the labels. */
export interface RecordSet {
  store: ObjectStore;
  shards: readonly Shard[];
  /** Records in all shards. */
  count: number;
  /** Of the signals. */
  dtype: RecordDType;
  /** What describes the shards; a lone train.tfrecord has none. */
  metadata?: Metadata;
}

/** A dataset before any record is read: of a lone train.tfrecord nobody knows yet what it holds. */
export type FoundRecords = Pick<RecordSet, 'store' | 'shards' | 'metadata'> &
  Partial<Pick<RecordSet, 'count' | 'dtype'>>;

export interface Shard {
  name: string;
  /** Its size. */
  bytes: number;
  /** Where its records lie: in one run, unless damaged ones are left out. */
  runs: readonly Run[];
  /** SHA-256 of its bytes in hex, where it is known. */
  sha256?: string;
}

/** Records that lie behind one another. */
export interface Run {
  /** First byte. */
  offset: number;
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

const SINGLE_FILE = 'train.tfrecord';

/** Objects that are looked at at the same time. */
const CONCURRENCY = 32;

/**
 * Opens the records of a store: the shards that metadata.json names, or else a lone `train.tfrecord`, which is read once
 * to count its records.
 *
 * Throws what findRecords and countRecords throw.
 */
export async function openRecords(store: ObjectStore): Promise<RecordSet> {
  return countRecords(await findRecords(store));
}

/**
 * Looks for shards that metadata.json names, or else a lone `train.tfrecord`.
 *
 * Throws NotFoundError when there is neither or a shard is missing, and InputError when metadata.json is broken or a
 * shard has another size than it says.
 */
export async function findRecords(store: ObjectStore): Promise<FoundRecords> {
  const [described, single] = await Promise.all([store.head(METADATA_KEY), store.head(SINGLE_FILE)]);
  if (described !== undefined) {
    if (described.size > METADATA_LIMIT) {
      throw new InputError({
        object: store.location + METADATA_KEY,
        found: `${described.size} bytes`,
        needed: `at most ${METADATA_LIMIT}`,
      });
    }
    const text = new TextDecoder().decode(await store.read(METADATA_KEY));
    // Beside a lone file lies the reference's metadata.json, which names no shards.
    if (single === undefined || /"shards"\s*:/.test(text)) return findDescribed(store, text);
  }
  if (single !== undefined) return { store, shards: [{ name: SINGLE_FILE, bytes: single.size, runs: [] }] };
  // Other than a look for an object, a read tells when it is the bucket that isn't there.
  await store.read(METADATA_KEY).catch((error: unknown) => {
    if (!(error instanceof NotFoundError)) throw error;
  });
  throw new NotFoundError(`${store.location}${METADATA_KEY} or ${SINGLE_FILE}`);
}

async function findDescribed(store: ObjectStore, text: string): Promise<RecordSet> {
  const metadata = parseMetadata(text, store.location + METADATA_KEY);
  const limit = pLimit(CONCURRENCY);
  await Promise.all(
    metadata.shards.map(({ name, bytes }) =>
      limit(async () => {
        const info = await store.head(name);
        const object = store.location + name;
        if (info === undefined) throw new NotFoundError(object);
        if (info.size === bytes) return;
        const needed = `${bytes}, as ${METADATA_KEY} says`;
        throw new InputError({ object, found: `${info.size} bytes`, needed });
      }),
    ),
  );
  const shards = metadata.shards.map(({ name, n_records, bytes, sha256 }) => {
    return { name, bytes, sha256, runs: [{ offset: 0, records: n_records }] };
  });
  return { store, shards, count: metadata.n_samples, dtype: metadata.dtype, metadata };
}

/**
 * The records that were found, those of a lone file read once to be counted. Throws InputError when one of these is
 * damaged, or when there are none.
 */
export async function countRecords(found: FoundRecords): Promise<RecordSet> {
  const { count, dtype } = found;
  const set =
    count !== undefined && dtype !== undefined ? { ...found, count, dtype } : await countSingle(found.store);
  if (set.count > 0) return set;
  throw new InputError({ object: set.store.location, found: 'no records', needed: 'at least one record' });
}

async function countSingle(store: ObjectStore): Promise<RecordSet> {
  const object = store.location + SINGLE_FILE;
  const hash = createHash('sha256');
  let bytes = 0;
  async function* read(): AsyncGenerator<Uint8Array> {
    for await (const chunk of store.stream(SINGLE_FILE)) {
      hash.update(chunk);
      bytes += chunk.length;
      yield chunk;
    }
  }
  let count = 0;
  let dtype: RecordDType = 'float32';
  for await (const { data, offset } of streamRecords(read(), object)) {
    if (count === 0) dtype = checkSignal(decodeExample(data, object, offset).signal, object, offset);
    count++;
  }
  const runs = [{ offset: 0, records: count }];
  return { store, shards: [{ name: SINGLE_FILE, bytes, runs, sha256: hash.digest('hex') }], count, dtype };
}

/**
 * Records `first` up to, but without, `end`, streamed in their order; shards outside the range aren't opened.
 *
 * Throws InputError when a record is broken or isn't a sample (3, 4096) with a label 0 or 1, and when a shard that is
 * read to its end holds another number of records than it should, or has another hash than metadata.json says.
 */
export async function* readRecordRange(
  set: RecordSet,
  first: number,
  end: number,
): AsyncGenerator<SignalRecord> {
  for (const part of listParts(set, [{ first, end }])) yield* readPart(set, part);
}

async function* readPart(
  { store, shards, metadata }: RecordSet,
  { shard, offset: start, skip, take }: ShardPart,
): AsyncGenerator<SignalRecord> {
  const object = store.location + shard;
  const { runs, sha256 } = shards.find(({ name }) => name === shard)!;
  const run = runs.find(({ offset }) => offset === start)!;
  // Behind the only run of a shard nothing may follow; behind others lies what is damaged.
  const whole = runs.length === 1 && start === 0 && skip + take === run.records;
  let index = 0;
  const range = start === 0 ? undefined : { offset: start, length: Number.MAX_SAFE_INTEGER - start };
  const stored = store.stream(shard, range);
  // A lone file has no hash but the one of its bytes as they were found.
  const hashed = whole && metadata !== undefined && sha256 !== undefined;
  const chunks = hashed ? checkHash(stored, object, sha256) : stored;
  for await (const { data, offset } of streamRecords(chunks, object, start)) {
    if (index >= skip && index < skip + take) {
      const { id = '', label, signal } = decodeExample(data, object, offset);
      yield { id, label, signal, dtype: checkSignal(signal, object, offset), object, offset };
    }
    index++;
    // The next one may be damaged.
    if (index === skip + take && !whole) return;
  }
  if (index !== run.records)
    throw new InputError({
      object,
      found: `${index} records`,
      needed: `${run.records}, as were counted before`,
    });
}
