import { createHash } from 'node:crypto';
import pLimit from 'p-limit';
import { InputError, NotFoundError } from '../../core/errors.ts';
import { decodeExample } from '../../records/example.ts';
import { METADATA_KEY, METADATA_LIMIT, type Metadata, parseMetadata } from '../../records/metadata.ts';
import type { RecordDType } from '../../records/record-dtype.ts';
import { checkSignal } from '../../records/shard.ts';
import { streamRecords } from '../../records/tfrecord.ts';
import { isSignalRecipe } from '../../signal/recipe.ts';
import { readLimited } from '../../storage/limited.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { listParts, type ShardPart } from './order.ts';
import { checkHash } from './shard-hash.ts';

/** A dataset of preprocessed samples in the shards of a store, in the order of the labels. */
export interface RecordSet {
  store: ObjectStore;
  shards: readonly Shard[];
  /** Records in all shards. */
  count: number;
  /** Type of the signals. */
  dtype: RecordDType;
  /** Describes the shards; missing for a single train.tfrecord. */
  metadata?: Metadata;
}

/** A dataset before any record is read. The content of a single train.tfrecord is unknown until then. */
export type FoundRecords = Pick<RecordSet, 'store' | 'shards' | 'metadata'> &
  Partial<Pick<RecordSet, 'count' | 'dtype'>> & {
    /** The number of records that the reference's metadata.json says. */
    promised?: number | undefined;
  };

export interface Shard {
  name: string;
  /** Size of the file. */
  bytes: number;
  /** Positions of its records: one run, or more if damaged records are skipped. */
  runs: readonly Run[];
  /** SHA-256 of its bytes in hex, if known. */
  sha256?: string;
}

/** Consecutive records. */
export interface Run {
  /** Offset of the first byte. */
  offset: number;
  records: number;
}

/** A record as stored in its shard. */
export interface SignalRecord {
  /** '' if the record has no id. */
  id: string;
  label: 0 | 1;
  dtype: RecordDType;
  /** Shape (3, 4096), little endian. A view of the bytes that were read. */
  signal: Uint8Array;
  /** The file that holds it, and its byte offset there, for messages. */
  object: string;
  offset: number;
}

/** Samples with noise, or signals without noise (SIGNAL_RECIPE). */
type RecordKind = 'samples' | 'signals';

const NAMES: Readonly<Record<RecordKind, string>> = {
  samples: 'samples with noise',
  signals: 'signals without noise',
};
const ADVICE: Readonly<Record<RecordKind, string>> = {
  samples: 'Make signals with simulate --signals-only and preprocess --signals',
  signals: 'Signals are only for train --inject',
};

const SINGLE_FILE = 'train.tfrecord';

/** Number of objects checked in parallel. */
const CONCURRENCY = 32;

/**
 * Opens the records of a store: the shards that metadata.json names, or else a single `train.tfrecord`, which is read once
 * to count its records.
 *
 * Throws the errors of findRecords and completeRecords.
 */
export async function openRecords(store: ObjectStore, kind?: RecordKind): Promise<RecordSet> {
  return completeRecords(await findRecords(store, kind));
}

/**
 * Finds the shards that metadata.json names, or else a single `train.tfrecord`.
 *
 * Throws NotFoundError when neither exists or a shard is missing, and InputError when metadata.json is invalid, a shard has
 * another size than it says, or the records are of another kind.
 */
export async function findRecords(store: ObjectStore, kind: RecordKind = 'samples'): Promise<FoundRecords> {
  const [described, single] = await Promise.all([store.head(METADATA_KEY), store.head(SINGLE_FILE)]);
  let promised: number | undefined;
  if (described !== undefined) {
    const bytes = await readLimited(store, METADATA_KEY, METADATA_LIMIT);
    // The reference implementation puts a metadata.json without shards beside its single file.
    if (single === undefined || Buffer.from(bytes).includes('"shards"'))
      return findDescribed(store, bytes, kind);
    promised = readPromise(bytes);
  }
  if (single !== undefined)
    return { store, shards: [{ name: SINGLE_FILE, bytes: single.size, runs: [] }], promised };
  // Unlike `head`, `read` reports that the bucket itself is missing, and what has the name instead.
  for (const key of [METADATA_KEY, SINGLE_FILE]) {
    await store.read(key).catch((error: unknown) => {
      if (!(error instanceof NotFoundError) || error.instead !== undefined) throw error;
    });
  }
  throw new NotFoundError(`${store.location}${METADATA_KEY} or ${SINGLE_FILE}`);
}

/** Python writes NaN into JSON, so only this number is looked at. */
function readPromise(file: Uint8Array): number | undefined {
  const [, digits] = /"n_samples"\s*:\s*(\d{1,15})\b/.exec(Buffer.from(file).toString()) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

/** Throws InputError when a single file has fewer records than the reference's metadata.json says: it was copied in part. */
export function requirePromised({ store, promised = 0 }: FoundRecords, count: number): void {
  if (count >= promised) return;
  throw new InputError({
    object: store.location + SINGLE_FILE,
    found: `${count} records`,
    needed: `${promised}, as ${METADATA_KEY} says`,
    advice: `Copy the file again, or remove ${METADATA_KEY} if it belongs to other records`,
  });
}

async function findDescribed(store: ObjectStore, file: Uint8Array, kind: RecordKind): Promise<RecordSet> {
  const metadata = parseMetadata(file, store.location + METADATA_KEY);
  const found = isSignalRecipe(metadata.recipe_hash) ? 'signals' : 'samples';
  if (found !== kind) {
    const [object, of] = [store.location, `records of ${NAMES[found]}`];
    throw new InputError({ object, found: of, needed: `records of ${NAMES[kind]}`, advice: ADVICE[found] });
  }
  const limit = pLimit(CONCURRENCY);
  await Promise.all(
    metadata.shards.map(({ name, bytes }) =>
      limit(async () => {
        const info = await store.head(name);
        const object = store.location + name;
        if (info === undefined) {
          await store.read(name, { offset: 0, length: 1 });
          throw new NotFoundError(object);
        }
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
 * The records that were found; a single file is read once to count its records. Throws InputError when one of these is
 * damaged, or when there are no records.
 */
export async function completeRecords(found: FoundRecords): Promise<RecordSet> {
  const { count, dtype } = found;
  const set =
    count !== undefined && dtype !== undefined ? { ...found, count, dtype } : await countSingle(found.store);
  requirePromised(found, set.count);
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
 * Streams the records from `first` to `end`, without `end`, in order. Shards outside the range aren't opened.
 *
 * Throws InputError when a record is damaged or isn't a sample (3, 4096) with label 0 or 1, and when a shard that is read
 * to its end has another number of records than expected, or another hash than metadata.json says.
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
  // Nothing may follow the only run of a shard. Other runs are followed by damaged records.
  const whole = runs.length === 1 && start === 0 && skip + take === run.records;
  let index = 0;
  const range = start === 0 ? undefined : { offset: start, length: Number.MAX_SAFE_INTEGER - start };
  const stored = store.stream(shard, range);
  // The hash of a single file was computed from its bytes as found, so it proves nothing.
  const hashed = whole && metadata !== undefined && sha256 !== undefined;
  const chunks = hashed ? checkHash(stored, object, sha256) : stored;
  for await (const { data, offset } of streamRecords(chunks, object, start)) {
    if (index >= skip && index < skip + take) {
      const { id = '', label, signal } = decodeExample(data, object, offset);
      yield { id, label, signal, dtype: checkSignal(signal, object, offset), object, offset };
    }
    index++;
    // The next record may be damaged.
    if (index === skip + take && !whole) return;
  }
  if (index !== run.records)
    throw new InputError({
      object,
      found: `${index} records`,
      needed: `${run.records}, as counted before`,
    });
}
