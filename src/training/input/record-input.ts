import { InputError, SettingError } from '../../core/errors.ts';
import type { TF } from '../../tensorflow/install/load.ts';
import type { Settings } from '../settings.ts';
import { type Batch, disposeBatch } from './batch.ts';
import { countOpened, IN_ORDER, listParts, type RecordRange, type ShardPart, shuffleParts } from './order.ts';
import { examineRecords } from './record-check.ts';
import { BATCHES_AHEAD } from './record-graph.ts';
import { createRecordReader, type Order, type RecordReader } from './record-reader.ts';
import type { RecordSet } from './records.ts';
import type { ShardFiles } from './shard-files.ts';

/** Input of a fit. Only one pass can be open at a time. */
export interface TrainingInput {
  readonly trainingCount: number;
  readonly validationCount: number;
  /** Number of the first validation record among all records, from 0; the others follow it. */
  readonly validationFirst: number;
  /** Samples per batch; the last batch of a pass may be shorter. */
  readonly batchSize: number;
  /** Time spent waiting for batches so far [ms]. */
  readonly waited: number;
  /**
   * All training records once, in an order that depends only on the seed and the epoch (1, 2, ...). Skips the first `done`
   * batches. The tensors of a batch live until the next batch is requested. If metadata.json describes the records, throws
   * InputError at the first batch that repeats an id.
   */
  training(epoch: number, done?: number): AsyncIterable<Batch>;
  /** All validation records once, in order. */
  validation(): AsyncIterable<Batch>;
  /** Reads all records one by one. Throws the errors of examineRecords. */
  examine(): Promise<void>;
  dispose(): void;
}

export type InputSettings = Pick<
  Settings,
  'batch_size' | 'seed' | 'validation_split' | 'folds' | 'fold' | 'shuffle_buffer'
>;

/**
 * Splits the records into training and validation. Validation is the first part of the records, or one fold. Throws
 * SettingError when either would be empty.
 */
export function openTrainingInput(
  tf: TF,
  set: RecordSet,
  files: ShardFiles,
  settings: InputSettings,
): TrainingInput {
  const { batch_size: batchSize, seed, shuffle_buffer: buffer } = settings;
  const held = chooseValidation(set, settings);
  const validation = listParts(set, [held]);
  const training = listParts(set, [
    { first: 0, end: held.first },
    { first: held.end, end: set.count },
  ]);
  const passes = openPasses(createRecordReader(tf, batchSize, set.dtype), set, files, batchSize);
  // The first pass over each collects the ids, since a duplicated sample might be in both.
  const ids = new Set<string>();
  const unread = new Set<readonly ShardPart[]>(set.metadata === undefined ? [] : [training, validation]);
  const idsOfFirst = (parts: readonly ShardPart[]) => (unread.delete(parts) ? ids : undefined);
  return {
    trainingCount: set.count - (held.end - held.first),
    validationCount: held.end - held.first,
    validationFirst: held.first,
    batchSize,
    get waited() {
      return passes.waited;
    },
    training: (epoch, done = 0) => {
      const { parts, order } = shuffleParts(training, { seed, buffer, epoch });
      files.want([...parts, ...validation].map(({ shard }) => shard));
      return passes.read(parts, order, done, idsOfFirst(training));
    },
    validation: () => passes.read(validation, IN_ORDER, 0, idsOfFirst(validation)),
    examine: () => examineRecords(set),
    dispose: () => passes.dispose(),
  };
}

function chooseValidation(
  { count, store }: RecordSet,
  { validation_split, folds, fold }: InputSettings,
): RecordRange {
  const range =
    folds > 1
      ? { first: Math.floor((count * fold) / folds), end: Math.floor((count * (fold + 1)) / folds) }
      : { first: 0, end: Math.floor(count * validation_split) };
  const size = range.end - range.first;
  if (size >= 1 && size < count) return range;
  const how = folds > 1 ? `fold ${fold} of ${folds}` : `a validation split of ${validation_split}`;
  throw new SettingError(
    `${store.location}: ${how} splits ${count} records into ${count - size} for training and ${size} for validation; each needs at least one`,
  );
}

/** Adds the ids of a batch. Returns false when the set already had one of them. */
function addNew(ids: Set<string>, { ids: added }: Batch): boolean {
  for (const id of added.dataSync() as unknown as string[]) {
    if (id !== '' && ids.has(id)) return false;
    ids.add(id);
  }
  return true;
}

function openPasses(reader: RecordReader, set: RecordSet, files: ShardFiles, batchSize: number) {
  let waited = 0;

  /** `ids`: ids that the records must not have. The ids of the records are added. */
  async function* read(
    parts: readonly ShardPart[],
    order: Order,
    done: number,
    ids?: Set<string>,
  ): AsyncGenerator<Batch> {
    const total = parts.reduce((sum, { take }) => sum + take, 0);
    const batches = Math.ceil(total / batchSize);
    let ready = 0;
    let batch: Batch | undefined;
    try {
      for (let i = done; i < batches; i++) {
        const start = performance.now();
        const records = order.buffer + (i + 1 + BATCHES_AHEAD) * batchSize;
        const opened = countOpened(parts, order.interleaved, records);
        for (; ready < opened; ready++) await files.ready(parts[ready]!.shard);
        if (i === done) {
          const segments = parts.map(({ shard, ...part }) => ({ ...part, file: files.path(shard) }));
          reader.start(segments, order, done * batchSize);
        }
        batch = await take(Math.min(batchSize, total - i * batchSize), ids);
        waited += performance.now() - start;
        yield batch;
        disposeBatch(batch);
        batch = undefined;
      }
    } finally {
      if (batch !== undefined) disposeBatch(batch);
    }
  }

  /** The next batch. Throws when it doesn't have `size` samples, or when a label or an id in it is invalid. */
  async function take(size: number, ids: Set<string> | undefined): Promise<Batch> {
    let batch: Batch | undefined;
    try {
      batch = reader.next();
    } catch (error) {
      // TensorFlow's message names neither the shard nor the record.
      await examineRecords(set);
      throw error;
    }
    const labels = batch?.labels.dataSync() ?? [];
    if (
      batch?.size === size &&
      labels.every((label) => label === 0 || label === 1) &&
      (ids === undefined || addNew(ids, batch))
    )
      return batch;
    if (batch !== undefined) disposeBatch(batch);
    await examineRecords(set);
    throw new InputError({
      object: set.store.location,
      found:
        batch?.size === size ? 'a repeated id or a wrong label' : `a batch of ${batch?.size ?? 0} records`,
      needed: `${size} records with ids of their own and labels 0 or 1; the shards changed while they were read`,
    });
  }

  return {
    read,
    get waited() {
      return waited;
    },
    dispose: () => reader.dispose(),
  };
}
