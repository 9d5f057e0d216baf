/** A stopped prediction resumes from its partial file, and gives the same bytes. A file that doesn't fit is reported and ignored. */

import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { InputError, StoppedError } from '../../src/core/errors.ts';
import type { Progress } from '../../src/core/progress.ts';
import { SPECTRUM_LENGTH } from '../../src/core/strain.ts';
import { encodeWeights } from '../../src/inference/model-file.ts';
import { type PartialPlace, parsePartial } from '../../src/inference/partial-file.ts';
import { type PredictSettings, predictDataset } from '../../src/inference/prediction-run.ts';
import type { Predictions } from '../../src/inference/predictions.ts';
import { initialWeights } from '../../src/model/weights.ts';
import { writeNpz } from '../../src/numpy/npz.ts';
import { sampleKey } from '../../src/simulate/layout.ts';
import { createFileStore } from '../../src/storage/file/file-store.ts';
import { encodeJson } from '../../src/storage/json.ts';
import type { FilePlace } from '../../src/storage/location.ts';
import { writeDataset } from '../support/dataset.ts';
import { folderForTests, scratch } from '../support/fixtures.ts';
import { PATH_WITH_TENSORFLOW } from '../tensorflow/process.ts';
import { makeToyRecords } from '../training/toy.ts';

// The test environment's TensorFlow, unless one is chosen.
process.env.PATH = PATH_WITH_TENSORFLOW;

const { folder, remove } = folderForTests();
const raw = join(folder, 'raw');
const MODEL = { folder, key: 'a_weights.npz' };
const OTHER_MODEL = { folder, key: 'b_weights.npz' };
const PSD = { folder, key: 'psd.npz' };
const OTHER_PSD = { folder, key: 'other_psd.npz' };
const SETTINGS = { batchSize: 4, device: 'cpu', workers: 1, psd: PSD } as const;
/** The last batch has 3. */
const GOOD = 11;
let ids: string[];
let records: string;
/** Of the raw samples, without a stop. */
let whole: Predictions;
after(remove);
before(async () => {
  const store = createFileStore(folder);
  await store.write(MODEL.key, await encodeWeights(initialWeights('diy', 1)));
  await store.write(OTHER_MODEL.key, await encodeWeights(initialWeights('diy', 2)));
  for (const [{ key }, level] of [
    [PSD, 1e-46],
    [OTHER_PSD, 5e-46],
  ] as const) {
    // Not flat: normalization would undo a factor.
    const data = Float64Array.from({ length: 3 * SPECTRUM_LENGTH }, (_, i) => 1e-46 + (i % 100) * level);
    await store.write(key, await writeNpz({ avg_psd: { dtype: '<f8', shape: [3, SPECTRUM_LENGTH], data } }));
  }
  ({ ids } = await writeDataset(createFileStore(raw), GOOD + 2));
  // One of the first batch and one of the last one are broken, and one has no id.
  for (const broken of [ids[1]!, ids[11]!]) writeFileSync(join(raw, sampleKey(broken)), 'no array');
  writeFileSync(join(raw, 'no id.npy'), 'no array');
  records = (await makeToyRecords({ count: GOOD, shardSize: 4 })).location;
  whole = await predictDataset([MODEL], raw, SETTINGS);
  assert.equal(new Set(whole.logits).size, GOOD);
  assert.equal(whole.rejected.length, 3);
});

interface Run {
  predictions?: Predictions;
  said: string[];
  /** `done` of each report. */
  reports: number[];
}

/** A copy of the raw samples: the same bytes in other files. */
async function copyRaw(t: TestContext): Promise<string> {
  const copy = join(scratch(t), 'raw');
  const store = createFileStore(copy);
  for (const id of ids) await store.write(sampleKey(id), readFileSync(join(raw, sampleKey(id))));
  return copy;
}

/** Predicts; with `batches`, until so many batches of this run are done. */
async function predict(
  partial: PartialPlace,
  {
    batches,
    model = MODEL,
    data = raw,
    ...given
  }: Partial<PredictSettings> & { batches?: number; model?: FilePlace; data?: string } = {},
): Promise<Run> {
  const { psd, workers, ...forAll } = SETTINGS;
  const settings = { ...forAll, ...(data !== records && { psd, workers }), ...given, partial };
  const stop = new AbortController();
  const run: Run = { said: [], reports: [] };
  const observer = {
    say: (line: string) => void run.said.push(line),
    progress: ({ done }: Progress) => {
      // The first report precedes the first batch.
      if (run.reports.push(done) - 1 === batches) stop.abort();
    },
  };
  const predicted = predictDataset([model], data, settings, observer, stop.signal);
  if (batches === undefined) run.predictions = await predicted;
  else
    await assert.rejects(predicted, (error) => {
      assert.ok(error instanceof StoppedError, String(error));
      run.said.push(error.message);
      return true;
    });
  return run;
}

const told = ({ said }: Run) => said.filter((line) => /resum|written|stopped/.test(line));

test('a prediction that was stopped after any batch resumes to the same results and rejected samples', async (t) => {
  for (const [batches, done, rest] of [
    [1, 4, [6, 10, 14, 14]],
    // The three samples that are left give the bits of a full batch.
    [2, 8, [10, 14, 14]],
    [3, 11, [14, 14]],
  ] as const) {
    const place = { folder: scratch(t), key: 'out.csv.partial' };
    const file = join(place.folder, place.key);
    const stopped = await predict(place, { batches });
    assert.deepEqual(told(stopped), [`stopped; the same command resumes from ${file}`]);
    assert.equal(JSON.parse(readFileSync(file, 'utf8')).logits.length, done);
    const resumed = await predict(place);
    assert.deepEqual(told(resumed), [`resuming: ${done} of 13 samples are predicted`]);
    assert.deepEqual(resumed.reports, rest);
    assert.deepEqual(resumed.predictions, whole);
  }
});

test('a prediction that is stopped again and again ends with the same results', async (t) => {
  const place = { folder: scratch(t), key: 'out.csv.partial' };
  for (const known of [0, 4, 8]) {
    const run = await predict(place, { batches: 1 });
    const lines = known === 0 ? [] : [`resuming: ${known} of 13 samples are predicted`];
    assert.deepEqual(told(run).slice(0, -1), lines);
  }
  assert.deepEqual((await predict(place)).predictions, whole);
});

test('a prediction that is stopped before its first batch keeps what was saved before', async (t) => {
  const place = { folder: scratch(t), key: 'out.csv.partial' };
  const { said: first } = await predict(place, { batches: 0 });
  const from = 'the results that were saved before, or starts over if there are none';
  assert.equal(first.at(-1), `stopped; the same command resumes from ${from}`);
  assert.ok(!existsSync(join(place.folder, place.key)));
  await predict(place, { batches: 2 });
  await predict(place, { batches: 0 });
  const { said, predictions } = await predict(place);
  assert.ok(said.some((line) => /^resuming: 8 of 13/.test(line)));
  assert.deepEqual(predictions, whole);
});

test('records: those that were predicted are not predicted again, but still checked', async (t) => {
  const { predictions } = await predict({ folder: scratch(t), key: 'out.csv.partial' }, { data: records });
  assert.equal(new Set(predictions!.logits).size, GOOD);
  for (const [batches, rest] of [
    [1, [4, 8, 11, 11]],
    [2, [8, 11, 11]],
  ] as const) {
    const place = { folder: scratch(t), key: 'out.csv.partial' };
    await predict(place, { data: records, batches });
    const resumed = await predict(place, { data: records });
    assert.deepEqual(told(resumed), [`resuming: ${batches * 4} of 11 samples are predicted`]);
    assert.deepEqual(resumed.reports, rest);
    assert.deepEqual(resumed.predictions, predictions);
  }
  const place = { folder: scratch(t), key: 'out.csv.partial' };
  await predict(place, { data: records, batches: 2 });
  // A shard of records that are predicted already, replaced by another one with the same size.
  const shard = 'train-00000-of-00003.tfrecord';
  const other = await makeToyRecords({ count: GOOD, shardSize: 4, seed: 2 });
  const own = await createFileStore(records).read(shard);
  await createFileStore(records).write(shard, await other.read(shard));
  await assert.rejects(
    predict(place, { data: records }),
    (error) => error instanceof InputError && /00000-of-00003\.tfrecord/.test(error.message),
  );
  await createFileStore(records).write(shard, own);
});

test('records: results of a shard that was wrong are not used when it is right again', async (t) => {
  const { predictions } = await predict({ folder: scratch(t), key: 'out.csv.partial' }, { data: records });
  const place = { folder: scratch(t), key: 'out.csv.partial' };
  const shard = 'train-00001-of-00003.tfrecord';
  const store = createFileStore(records);
  const own = await store.read(shard);
  await store.write(shard, await (await makeToyRecords({ count: GOOD, shardSize: 4, seed: 2 })).read(shard));
  await assert.rejects(predict(place, { data: records }), InputError);
  assert.ok(existsSync(join(place.folder, place.key)));
  await store.write(shard, own);
  assert.deepEqual((await predict(place, { data: records })).predictions, predictions);
});

test('the results of another prediction are reported and ignored', async (t) => {
  const copy = await copyRaw(t);
  const place = { folder: scratch(t), key: 'out.csv.partial' };
  const file = join(place.folder, place.key);
  await predict(place, { batches: 1 });
  // No model gives these.
  const marked = { ...JSON.parse(readFileSync(file, 'utf8')), logits: new Array(4).fill(0) };
  const resumed = async (given: Parameters<typeof predict>[1]) => {
    writeFileSync(file, JSON.stringify(marked));
    const { said, predictions } = await predict(place, given);
    const { length } = predictions!.logits.filter((logit) => logit === 0);
    return { length, lines: said.filter((line) => /resum/.test(line)) };
  };
  for (const other of [
    { model: OTHER_MODEL },
    { psd: OTHER_PSD },
    { tta: true },
    { data: records },
    { data: copy },
  ]) {
    const { length, lines } = await resumed(other);
    assert.equal(length, 0);
    const found = 'found results of another prediction, needed the same weights, PSD, data and --tta';
    assert.deepEqual(lines, [`not resumed, all samples will be predicted: ${file}: ${found}`]);
  }
  const own = await resumed({});
  assert.deepEqual(own, { length: 4, lines: ['resuming: 4 of 13 samples are predicted'] });
});

test('a raw file that changed, also one that was predicted, makes the prediction start over', async (t) => {
  const copy = await copyRaw(t);
  const place = { folder: scratch(t), key: 'out.csv.partial' };
  await predict(place, { data: copy, batches: 1 });
  copyFileSync(join(raw, sampleKey(ids[12]!)), join(copy, sampleKey(ids[0]!)));
  const { said, predictions } = await predict(place, { data: copy });
  assert.ok(said.some((line) => /^not resumed, .* results of another prediction/.test(line)));
  assert.equal(predictions!.logits[0], predictions!.logits.at(-1));
});

test('a damaged file is reported and ignored', async (t) => {
  const place = { folder: scratch(t), key: 'out.csv.partial' };
  const file = join(place.folder, place.key);
  await predict(place, { batches: 2 });
  writeFileSync(file, readFileSync(file).subarray(0, -9));
  const { said, predictions } = await predict(place);
  const told = `not resumed, all samples will be predicted: ${file}: found invalid JSON, needed `;
  assert.equal(said.filter((line) => line.startsWith(told)).length, 1, said.join('\n'));
  assert.deepEqual(predictions, whole);
});

test('results that the prediction cannot have are refused', () => {
  const wanted = { identity: 'x', count: 3, rejectable: new Set(['a', 'b', 'c']) };
  const b = { id: 'b', file: 'b.npy', reason: 'broken' };
  const good = { version: 2, identity: 'x', logits: [0, 1], rejected: [b] };
  const parse = (document: object) => parsePartial(encodeJson(document), 'p', wanted);
  assert.deepEqual(parse(good), { logits: [0, 1], rejected: [b] });
  for (const [change, message] of [
    [{ version: 1 }, /^p: found 1 as version, needed 2/],
    [{ identity: 'y' }, /^p: found results of another prediction/],
    [{ logits: [0, null] }, /^p: found null as logits\.1/],
    [{ logits: [0, 1, 0] }, /^p: found 4 results, needed at most 3/],
    [{ rejected: [b, b] }, /^p: found a wrong list of rejected samples/],
    [{ rejected: [{ ...b, id: 'd' }] }, /^p: found a wrong list of rejected samples/],
  ] as const)
    assert.throws(
      () => parse({ ...good, ...change }),
      (error) => error instanceof InputError && message.test(error.message),
    );
});

test('the results are saved when the interval has passed', async (t) => {
  const place = { folder: scratch(t), key: 'out.csv.partial', interval: 0 };
  const file = join(place.folder, place.key);
  await predict({ ...place, interval: 3_600_000 });
  assert.ok(!existsSync(file));
  await predict(place);
  // As if the program had been killed after the last batch.
  assert.equal(JSON.parse(readFileSync(file, 'utf8')).logits.length, GOOD);
  assert.deepEqual((await predict(place)).predictions, whole);
});

test('a failure to write the file is reported once, and the prediction continues', async (t) => {
  const place = { folder: scratch(t), key: 'out.csv.partial', interval: 0 };
  mkdirSync(join(place.folder, place.key));
  const { said, predictions } = await predict(place);
  const lines = said.filter((line) =>
    line.startsWith('results so far not written, those written before are kept: '),
  );
  assert.equal(lines.length, 1, said.join('\n'));
  assert.match(lines[0]!, /out\.csv\.partial/);
  assert.deepEqual(predictions, whole);
  const stopped = await predict(place, { batches: 1 });
  assert.match(stopped.said.at(-1)!, /^stopped; .* or starts over if there are none$/);
});
