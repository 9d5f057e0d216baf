/** Tests of the library's own functions: what they add to those that they call. */
import assert from 'node:assert/strict';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  createPreprocessor,
  DETECTORS,
  encodeNpy,
  estimatePsd,
  InputError,
  NotFoundError,
  predict,
  preprocessDataset,
  type RawSample,
  readPsd,
  readRecords,
  readSamples,
  SAMPLE_LENGTH,
  SAMPLE_SIZE,
  type Strain,
  simulateDataset,
  writePsd,
  writeRecords,
} from '../../src/library/exports.ts';
import { folderForTests, scratch } from '../support/fixtures.ts';

const { folder, remove } = folderForTests();
after(remove);
const place = (name: string) => join(folder, name);

before(async () => {
  await simulateDataset(place('raw'), { samples: 12, seed: 3 });
  const made = await preprocessDataset(place('raw'), place('records'), { shardSize: 5, dtype: 'float32' });
  assert.deepEqual({ ...made, shards: made.shards.length }, { records: 12, rejected: 0, shards: 3 });
});

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function* noise(): AsyncGenerator<Strain> {
  for await (const { target, strain } of readSamples(place('raw')))
    if (target === 0 && strain !== undefined) yield strain;
}

test('a folder gives each sample its own strain and its target; a broken one gives the reason', async (t) => {
  const own = scratch(t);
  await simulateDataset(own, { samples: 4, seed: 9 });
  const all = await collect(readSamples(own));
  assert.equal(new Set(all.map(({ strain }) => strain)).size, 4);
  assert.ok(all.every(({ strain, target }) => strain?.length === SAMPLE_SIZE && target !== undefined));
  writeFileSync(join(own, all[1]!.file), 'no array');
  const read = await collect(readSamples(own));
  assert.deepEqual(
    read.map(({ id }) => id),
    all.map(({ id }) => id),
  );
  const reasons = (samples: RawSample[]) => samples.map(({ reason }) => reason !== undefined);
  assert.deepEqual(reasons(read), [false, true, false, false]);
  rmSync(join(own, 'training_labels.csv'));
  assert.ok((await collect(readSamples(own))).every(({ target }) => target === undefined));
});

test('a file gives its samples: rows of a stack are numbered', async (t) => {
  const file = join(scratch(t), 'two.npy');
  const data = Float64Array.from({ length: 2 * SAMPLE_SIZE }, (_, i) => i);
  writeFileSync(file, encodeNpy({ dtype: '<f8', shape: [2, DETECTORS.length, SAMPLE_LENGTH], data }));
  const [first, second] = await collect(readSamples(file));
  assert.deepEqual([first?.id, second?.id, second?.strain?.[0]], ['two_0', 'two_1', SAMPLE_SIZE]);
  await assert.rejects(collect(readSamples(`${file}.npz`)), NotFoundError);
});

test('a folder without samples is refused', async (t) => {
  const own = scratch(t);
  await assert.rejects(collect(readSamples(own)), /no raw samples/);
});

test("the estimated PSD is that of the dataset's preprocessing, and survives its file", async () => {
  const psd = await estimatePsd(noise());
  const stored = await readPsd(place('records/avg_psd.npz'));
  assert.ok(psd.every((power, i) => Math.abs(power / stored[i]! - 1) < 1e-9));
  await writePsd(place('own.npz'), psd);
  assert.deepEqual(await readPsd(place('own.npz')), psd);
  await assert.rejects(writePsd(place('own.npz'), psd.fill(Number.NaN, 7, 8)), InputError);
  await assert.rejects(estimatePsd([new Float64Array(SAMPLE_SIZE)]), /noise sample 0: found H1 is all zero/);
  await assert.rejects(estimatePsd([]), /no noise-only sample/);
});

test('a preprocessed sample is the record of it, to the last bit', async () => {
  const preprocess = createPreprocessor(await readPsd(place('records/avg_psd.npz')));
  const records = new Map(
    (await collect(readRecords(place('records')))).map((record) => [record.id, record]),
  );
  assert.equal(records.size, 12);
  for (const { id, target, strain } of await collect(readSamples(place('raw')))) {
    assert.equal(records.get(id)?.label, target);
    assert.deepEqual(preprocess(strain!), records.get(id)?.signal);
  }
  assert.throws(
    () => preprocess(new Float64Array(SAMPLE_SIZE).fill(Number.NaN)),
    /found NaN or Inf at H1\[0\]/,
  );
});

test('written records are read again, from their file and as a dataset', async () => {
  const signal = Float32Array.from({ length: SAMPLE_SIZE }, (_, i) => (i % 64) / 32);
  const records = [
    { id: 'a', label: 1 as const, signal },
    { label: 0 as const, signal },
  ];
  for (const dtype of ['float16', 'float32'] as const) {
    assert.equal(await writeRecords(place(`${dtype}/train.tfrecord`), records, { dtype }), 2);
    assert.deepEqual(await collect(readRecords(place(`${dtype}/train.tfrecord`))), records);
    assert.deepEqual(await collect(readRecords(place(dtype))), records);
  }
  const short = [{ label: 0 as const, signal: signal.subarray(1) }];
  await assert.rejects(writeRecords(place('short/train.tfrecord'), short), RangeError);
  await assert.rejects(collect(readRecords(place('short/train.tfrecord'))), NotFoundError);
});

test('options out of range are refused before anything is written', async () => {
  const raw = place('raw');
  await assert.rejects(
    preprocessDataset(raw, place('none'), { shardSize: 0 }),
    /shardSize is 0, needed a whole number/,
  );
  await assert.rejects(preprocessDataset(raw, place('none'), { dataset: '../up' }), /dataset is "..\/up"/);
  await assert.rejects(
    simulateDataset(place('none'), { samples: Number.NaN, seed: 1 }),
    /samples is null, needed/,
  );
  await assert.rejects(predict(['none_weights.npz'], raw, { batchSize: 0 }), /batchSize is 0/);
  const workers = 0;
  const refusal = /workers is 0, needed a whole number from 1 to 1024/;
  await assert.rejects(preprocessDataset(raw, place('none'), { workers }), refusal);
  await assert.rejects(simulateDataset(place('none'), { samples: 1, seed: 1, workers }), refusal);
  await assert.rejects(predict(['none_weights.npz'], raw, { workers }), refusal);
  const device = 'tpu' as 'cpu';
  await assert.rejects(
    predict(['none_weights.npz'], raw, { device }),
    /device is "tpu", needed auto, cpu or gpu/,
  );
  assert.equal(existsSync(place('none')), false);
});
