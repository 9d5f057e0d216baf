import { SAMPLE_SIZE } from '../core/strain.ts';
import { decodeExample } from '../records/example.ts';
import { decodeSignal, type RecordDType } from '../records/record-dtype.ts';
import { checkSignal, createShardBuilder } from '../records/shard.ts';
import { streamRecords } from '../records/tfrecord.ts';
import { splitLocation } from '../storage/location.ts';
import { openStore } from '../storage/open.ts';
import { openRecords, readRecordRange, type SignalRecord } from '../training/input/records.ts';

/** A preprocessed sample. */
export interface LabelledRecord {
  /** Missing in records of the published pipeline. */
  id?: string | undefined;
  /** 1 if it has a signal. */
  label: 0 | 1;
  /** Shape (3, 4096) in C order: mean 0 and standard deviation 1 for each detector. */
  signal: Float32Array;
}

/**
 * Reads records: all shards of a folder, in their order, or one `.tfrecord` file. Every CRC is checked.
 *
 * @param location a folder with metadata.json or train.tfrecord, or a file: a path or `s3://bucket/key`.
 * @returns the records, each signal in an array of its own. float16 signals are widened. Values aren't checked.
 * @throws InputError, with the byte offset, at the first record that is damaged or isn't a sample, and when a shard isn't the one
 * that metadata.json describes. NotFoundError when a file is missing.
 *
 * @example
 * import { readRecords } from 'chirpline';
 *
 * let signals = 0;
 * for await (const { label } of readRecords('records')) signals += label;
 * console.log(signals, 'signals');
 */
export async function* readRecords(location: string): AsyncGenerator<LabelledRecord> {
  for await (const { id, label, dtype, signal: bytes } of readStored(location)) {
    const signal = new Float32Array(SAMPLE_SIZE);
    decodeSignal(bytes, dtype, signal);
    yield { ...(id !== '' && { id }), label, signal };
  }
}

async function* readStored(location: string): AsyncGenerator<Omit<SignalRecord, 'object' | 'offset'>> {
  if (!location.endsWith('.tfrecord')) {
    const set = await openRecords(openStore(location));
    yield* readRecordRange(set, 0, set.count);
    return;
  }
  const { folder, key } = splitLocation(location);
  const store = openStore(folder);
  const object = store.location + key;
  for await (const { data, offset } of streamRecords(store.stream(key), object)) {
    const { id = '', label, signal } = decodeExample(data, object, offset);
    yield { id, label, signal, dtype: checkSignal(signal, object, offset) };
  }
}

/**
 * Writes records into one TFRecord file of tf.train.Example with the features id, label and signal, as TensorFlow, the published
 * pipeline and `chirpline train` read them; the trainings want the name train.tfrecord. Records are written as they come: memory
 * doesn't grow with their number. The file gets its name when it is complete.
 *
 * @param file a path or `s3://bucket/key`.
 * @param records signals have shape (3, 4096); an array may be reused for the next record.
 * @param options `dtype` of the signals in the file: float16 halves it; default float32, which older readers need.
 * @returns the number of records.
 * @throws RangeError when a signal has another length. MachineError when the file can't be written.
 *
 * @example
 * import { createPreprocessor, readPsd, readSamples, writeRecords } from 'chirpline';
 *
 * const preprocess = createPreprocessor(await readPsd('records/avg_psd.npz'));
 * async function* records() {
 *   for await (const { id, target, strain } of readSamples('raw'))
 *     if (strain && target !== undefined) yield { id, label: target, signal: preprocess(strain) };
 * }
 * console.log(await writeRecords('own/train.tfrecord', records()), 'records');
 */
export async function writeRecords(
  file: string,
  records: Iterable<LabelledRecord> | AsyncIterable<LabelledRecord>,
  { dtype = 'float32' }: { dtype?: RecordDType } = {},
): Promise<number> {
  const { folder, key } = splitLocation(file);
  const shard = createShardBuilder(dtype, 1);
  async function* frame(): AsyncGenerator<Uint8Array> {
    for await (const { id, label, signal } of records) {
      shard.add(id, label, signal);
      yield shard.finish();
    }
  }
  await openStore(folder).write(key, frame());
  return shard.count;
}
