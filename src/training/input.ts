import { SettingError } from '../errors.ts';
import { createRandomStream } from '../random.ts';
import { type Batch, batchRecords } from './batch.ts';
import { type RecordSet, readRecordRange, type SignalRecord } from './records.ts';
import { shuffle } from './shuffle.ts';

/** What a fit reads. */
export interface TrainingInput {
  trainingCount: number;
  validationCount: number;
  /** Samples of a batch; the last one of a pass may be shorter. */
  batchSize: number;
  /** All training records once, in an order that depends on the seed and the epoch (1, 2, ...). */
  training(epoch: number): AsyncIterable<Batch>;
  /** All validation records once, in their order. */
  validation(): AsyncIterable<Batch>;
}

export interface InputSettings {
  batchSize: number;
  /** Share of the records, from the first one on, that is kept for validation; above 0, below 1. Default 0.2. */
  validationSplit?: number;
  /** Records that the order of training is drawn from at a time, at 25 kB each (49 kB as float32). Default 50,000. */
  shuffleBuffer?: number;
  seed: number;
}

const SHUFFLE_PURPOSE = 0x73687566;

/** Parts the records into validation (the first ones) and training. Throws SettingError when one would be empty. */
export function splitRecords(set: RecordSet, settings: InputSettings): TrainingInput {
  const { batchSize, validationSplit = 0.2, shuffleBuffer = 50_000, seed } = settings;
  const validationCount = Math.floor(set.count * validationSplit);
  const trainingCount = set.count - validationCount;
  if (validationCount < 1 || trainingCount < 1) {
    throw new SettingError(
      `${set.store.location}: of ${set.count} records a validation split of ${validationSplit} leaves ${trainingCount} for training and ${validationCount} for validation; each needs at least one`,
    );
  }
  return {
    trainingCount,
    validationCount,
    batchSize,
    training: (epoch) => {
      const records = keepable(readRecordRange(set, validationCount, set.count));
      return batchRecords(
        shuffle(records, shuffleBuffer, createRandomStream(seed, epoch, SHUFFLE_PURPOSE)),
        batchSize,
      );
    },
    validation: () => batchRecords(readRecordRange(set, 0, validationCount), batchSize),
  };
}

/** The records with signals of their own: a view into the stream's chunk would keep the whole chunk in memory. */
async function* keepable(records: AsyncIterable<SignalRecord>): AsyncGenerator<SignalRecord> {
  for await (const record of records) yield { ...record, signal: record.signal.slice() };
}
