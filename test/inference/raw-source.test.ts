/** Raw samples are preprocessed by worker threads as `preprocess` does, and come in the order of the catalog. */
import assert from 'node:assert/strict';
import { linkSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { InputError, StoppedError } from '../../src/core/errors.ts';
import type { Progress } from '../../src/core/progress.ts';
import { type Psd, SAMPLE_SIZE } from '../../src/core/strain.ts';
import {
  noPredictions,
  type Predictions,
  predictSource,
  type Source,
} from '../../src/inference/predictions.ts';
import { findRawSamples, withRawSource } from '../../src/inference/raw-source.ts';
import { readPsd } from '../../src/preprocess/average-psd.ts';
import { preprocessDataset } from '../../src/preprocess/local-run.ts';
import { PREPROCESS_DEFAULTS } from '../../src/preprocess/preprocess-settings.ts';
import { readShard } from '../../src/records/shard.ts';
import { sampleKey } from '../../src/simulate/layout.ts';
import { createFileStore } from '../../src/storage/file/file-store.ts';
import type { Batch } from '../../src/training/input/batch.ts';
import { tf } from '../model/tensorflow.ts';
import { writeDataset } from '../support/dataset.ts';
import { folderForTests } from '../support/fixtures.ts';
import { packTar } from '../support/tar.ts';

/** Not a multiple of the vector lanes. */
const DISTINCT = 11;
/** Several chunks, the last one short. */
const MANY = 3000;

const { folder, remove } = folderForTests();
const raw = join(folder, 'raw');
const many = join(folder, 'many');
/** The records' signals by id, as bytes. */
const signals = new Map<string, Buffer>();
let ids: string[];
let psd: Psd;
after(remove);
before(async () => {
  ({ ids } = await writeDataset(createFileStore(raw), DISTINCT));
  const settings = { ...PREPROCESS_DEFAULTS, dataset: 'test', dtype: 'float32', workers: 1 } as const;
  await preprocessDataset(raw, join(folder, 'records'), settings);
  const records = createFileStore(join(folder, 'records'));
  ({ psd } = await readPsd(records, 'avg_psd.npz'));
  const shard = 'train-00000-of-00001.tfrecord';
  for (const { id, signal } of readShard(await records.read(shard), shard)) signals.set(id!, bytesOf(signal));
  mkdirSync(many);
  for (let i = 0; i < MANY; i++)
    linkSync(join(raw, sampleKey(ids[i % DISTINCT]!)), join(many, `${nameOf(i)}.npy`));
});

const nameOf = (i: number) => String(i).padStart(5, '0');

function bytesOf(signal: Float32Array): Buffer {
  return Buffer.from(new Uint8Array(signal.buffer, signal.byteOffset, signal.byteLength));
}

/** Passes a source of all samples of a folder to `work`, with predictions that it fills. */
async function read(
  from: string,
  work: (source: Source, predictions: Predictions) => Promise<void>,
  { workers = 2, signal, whitening = psd }: { workers?: number; signal?: AbortSignal; whitening?: Psd } = {},
): Promise<Predictions> {
  const predictions = noPredictions();
  const samples = await findRawSamples(createFileStore(from), predictions);
  await withRawSource(from, whitening, samples, predictions, { workers, signal }, (source) =>
    work(source, predictions),
  );
  return predictions;
}

test('the signals are those of the records, bit for bit', async () => {
  const found: Buffer[] = [];
  const predictions = await read(raw, async (source) => {
    assert.equal(source.count, DISTINCT);
    for await (const signal of source.signals) found.push(bytesOf(signal));
  });
  assert.deepEqual(predictions, { samples: ids, ids, labels: [], logits: [], rejected: [] });
  assert.equal(found.length, signals.size);
  for (const [i, id] of ids.entries()) assert.ok(found[i]!.equals(signals.get(id)!), id);
});

test('samples come in the order of the catalog, whatever thread made them, and broken ones are left out', async () => {
  const broken = [0, 1023, 1024, 2500, MANY - 1].map((i) => `${nameOf(i)}.npy`);
  const data = join(folder, 'broken');
  mkdirSync(data);
  for (let i = 0; i < MANY; i++) {
    const name = `${nameOf(i)}.npy`;
    if (broken.includes(name)) writeFileSync(join(data, name), 'no array');
    else linkSync(join(many, name), join(data, name));
  }
  for (const workers of [1, 3]) {
    let count = 0;
    const collect = async ({ signals: found }: Source, { ids: named }: Predictions) => {
      for await (const signal of found) {
        count++;
        // The id is known before the signal comes.
        assert.equal(named.length, count);
        const id = named.at(-1)!;
        assert.ok(bytesOf(signal).equals(signals.get(ids[Number(id) % DISTINCT]!)!), id);
      }
    };
    const predictions = await read(data, collect, { workers });
    const all = Array.from({ length: MANY }, (_, i) => nameOf(i));
    assert.deepEqual(predictions.samples, all);
    assert.deepEqual(
      predictions.ids,
      all.filter((id) => !broken.includes(`${id}.npy`)),
    );
    assert.deepEqual(
      predictions.rejected.map(({ file }) => file),
      broken,
    );
    for (const { reason } of predictions.rejected) assert.match(reason, /needed/);
  }
});

test('rejected members of an archive are named with it', async () => {
  const data = join(folder, 'packed');
  mkdirSync(data);
  const good = readFileSync(join(raw, sampleKey(ids[0]!)));
  const silent = Buffer.from(good).fill(0, good.length - SAMPLE_SIZE * 8);
  const parts = Object.entries({ 'a.npy': good, 'b.npy': silent, 'c/a.npy': good });
  writeFileSync(join(data, 'pack.tar'), packTar(parts.map(([name, content]) => ({ name, content }))));
  const { rejected } = await read(data, async ({ signals: found }) => {
    for await (const _ of found) assert.fail('no sample is usable');
  });
  assert.deepEqual(rejected.map(({ file }) => file).sort(), [
    'pack.tar!a.npy',
    'pack.tar!b.npy',
    'pack.tar!c/a.npy',
  ]);
});

test('samples with a result are not read again', async () => {
  const data = join(folder, 'resumed');
  mkdirSync(data);
  for (let i = 0; i < 20; i++) linkSync(join(many, `${nameOf(i)}.npy`), join(data, `${nameOf(i)}.npy`));
  const predictions = noPredictions();
  const samples = await findRawSamples(createFileStore(data), predictions);
  // Sample 2 was rejected, and five others were predicted. Reading one of them would reject it: it is gone.
  for (let i = 0; i < 6; i++) unlinkSync(join(data, `${nameOf(i)}.npy`));
  const rejection = { id: nameOf(2), file: `${nameOf(2)}.npy`, reason: 'broken' };
  predictions.rejected.push(rejection);
  predictions.logits.push(0.1, 0.2, 0.3, 0.4, 0.5);
  const sizes: number[] = [];
  const predictor = {
    logits({ size }: Batch) {
      sizes.push(size);
      return new Float32Array(size).fill(0.75);
    },
  };
  const reports: number[] = [];
  const observer = { progress: ({ done }: Progress) => void reports.push(done) };
  await withRawSource(data, psd, samples, predictions, { workers: 1 }, (source) =>
    predictSource(tf, predictor, source, predictions, { batchSize: 5 }, observer),
  );
  const all = Array.from({ length: 20 }, (_, i) => nameOf(i));
  assert.deepEqual(
    predictions.ids,
    all.filter((_, i) => i !== 2),
  );
  assert.deepEqual(predictions.rejected, [rejection]);
  assert.deepEqual(predictions.logits, [0.1, 0.2, 0.3, 0.4, 0.5, ...new Array(14).fill(0.75)]);
  // Of the last five, one is filled in.
  assert.deepEqual(sizes, [5, 5, 5]);
  assert.deepEqual(reports, [6, 11, 16, 20, 20]);
});

test('a stop in the middle ends the source', async () => {
  const stop = new AbortController();
  let count = 0;
  const stopped = read(
    many,
    async (source) => {
      for await (const _ of source.signals) if (++count === 1000) stop.abort();
    },
    { workers: 1, signal: stop.signal },
  );
  await assert.rejects(stopped, StoppedError);
  // The chunks that were made by then, at most.
  assert.ok(count < MANY, `${count}`);
});

test("a thread's error ends the source, with its class and message", async () => {
  const work = async ({ signals: found }: Source) => {
    for await (const _ of found) assert.fail('a signal without a PSD');
  };
  await assert.rejects(
    read(many, work, { whitening: new Float64Array(3) }),
    (error) => error instanceof InputError && /^avg_psd: found 3 /.test(error.message),
  );
});

test('a prediction stops after the batch during which it was stopped, and a report follows each batch', async () => {
  const stop = new AbortController();
  const reports: number[] = [];
  const observer = { progress: ({ done }: Progress) => void reports.push(done) };
  let batches = 0;
  const predictor = {
    logits({ size }: Batch) {
      if (++batches === 3) stop.abort();
      return new Float32Array(size).fill(batches);
    },
  };
  const predictions = noPredictions();
  const samples = await findRawSamples(createFileStore(many), predictions);
  const options = { workers: 1, signal: stop.signal };
  const stopped = withRawSource(many, psd, samples, predictions, options, (source) =>
    predictSource(tf, predictor, source, predictions, { batchSize: 4 }, observer, stop.signal),
  );
  await assert.rejects(stopped, StoppedError);
  assert.deepEqual(predictions.logits, [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]);
  assert.deepEqual(reports, [0, 4, 8, 12]);
});
