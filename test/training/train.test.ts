import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  ChirplineError,
  InputError,
  MachineError,
  PausedError,
  SettingError,
} from '../../src/core/errors.ts';
import type { Observer } from '../../src/core/progress.ts';
import { SAMPLE_LENGTH, SAMPLE_SIZE } from '../../src/core/strain.ts';
import { readModel } from '../../src/inference/model-file.ts';
import { orderFolds } from '../../src/inference/out-of-fold.ts';
import { predictDataset } from '../../src/inference/prediction-run.ts';
import { readPredictions } from '../../src/inference/predictions-file.ts';
import { describeCost } from '../../src/model/model-cost.ts';
import { isTrainable } from '../../src/model/weights.ts';
import { encodeNpy } from '../../src/numpy/npy.ts';
import { preprocessDataset } from '../../src/preprocess/local-run.ts';
import { mergeRecords } from '../../src/preprocess/merge-shards.ts';
import { PREPROCESS_DEFAULTS } from '../../src/preprocess/preprocess-settings.ts';
import { sampleId, sampleKey } from '../../src/simulate/layout.ts';
import { createFileStore } from '../../src/storage/file/file-store.ts';
import { sigmoid } from '../../src/training/fit/logit.ts';
import { score } from '../../src/training/fit/metrics.ts';
import type { GivenSettings } from '../../src/training/settings.ts';
import { type TrainOptions, trainModel } from '../../src/training-run/training-run.ts';
import { buildShard, makeSamples } from '../records/samples.ts';
import { writeDataset, writeLabels } from '../support/dataset.ts';
import { folderForTests, scratch } from '../support/fixtures.ts';
import { PATH_WITH_TENSORFLOW } from '../tensorflow/process.ts';
import { makeToyRecords, replaceShard, toyId } from './toy.ts';

// The test environment's TensorFlow, unless one is chosen.
process.env.PATH = PATH_WITH_TENSORFLOW;

const SETTINGS: GivenSettings = { preset: 'coherent', epochs: 2, batch_size: 4, seed: 1 };
const OPTIONS: TrainOptions = { device: 'cpu', engine: 'graph', checkpointMinutes: 10, onCorrupt: 'stop' };

/** A folder with a single train.tfrecord in float16 and a metadata.json like that of the Python pipeline. */
async function makeSingleFile(folder: string, change = (_: Buffer) => {}): Promise<string> {
  const toy = await makeToyRecords({ count: 10, shardSize: 10, dtype: 'float16' });
  const bytes = Buffer.from(await toy.read('train-00000-of-00001.tfrecord'));
  change(bytes);
  writeFileSync(join(folder, 'train.tfrecord'), bytes);
  const metadata = { n_samples: 10, n_failed: 0, signal_shape: [3, 4096], dtype: 'float32' };
  writeFileSync(join(folder, 'metadata.json'), JSON.stringify(metadata));
  return folder;
}

/** Collects the messages; aborts its signal, or calls `act`, when a message matches `until`. */
function listen(
  until?: RegExp,
  act?: () => void,
): { observer: Observer; said: string[]; signal: AbortSignal } {
  const controller = new AbortController();
  const said: string[] = [];
  const say = (line: string) => {
    said.push(line);
    if (until?.test(line)) (act ?? (() => controller.abort()))();
  };
  return { observer: { say }, said, signal: controller.signal };
}

test('a single train.tfrecord with the reference’s metadata.json can be trained on and predicted', async (t) => {
  const [records, models] = [await makeSingleFile(scratch(t)), scratch(t)];
  const { run } = await trainModel(records, models, { ...SETTINGS, epochs: 1 }, OPTIONS);
  const report = readFileSync(join(models, 'saved', 'report.html'), 'utf8');
  assert.match(report, /stored as<\/dt><dd>float16/);
  const weights = { folder: join(models, 'saved'), key: `${run}_weights.npz` };
  const { logits } = await predictDataset([weights], records, { batchSize: 4, device: 'cpu' });
  assert.equal(logits.length, 10);
});

const { folder, remove } = folderForTests();
const [raw, rawSignals, records, signals] = ['raw', 'raw-signals', 'records', 'signals'].map((name) =>
  join(folder, name),
) as [string, string, string, string];
after(remove);
/** Raw noise and signals without noise, preprocessed with the PSD of that noise. */
before(async () => {
  await writeDataset(createFileStore(raw), 24);
  const store = createFileStore(rawSignals);
  const strain = new Float64Array(SAMPLE_SIZE);
  const ids = Array.from({ length: 24 }, (_, i) => sampleId(7, i));
  for (const [i, id] of ids.entries()) {
    for (const t of strain.keys()) strain[t] = 1e-23 * Math.sin(((t % SAMPLE_LENGTH) * (i + 20)) / 300);
    await store.write(sampleKey(id), encodeNpy({ dtype: '<f8', shape: [3, SAMPLE_LENGTH], data: strain }));
  }
  await writeLabels(
    store,
    ids.sort().map((id) => [id, 1]),
  );
  const settings = { ...PREPROCESS_DEFAULTS, dataset: 'toy' };
  await preprocessDataset(raw, records, settings);
  const psd = { folder: records, key: 'avg_psd.npz' };
  await preprocessDataset(rawSignals, signals, { ...settings, psd, signals: true });
});

test('signals need the PSD of noise, and no sample among them is noise', async (t) => {
  const settings = { ...PREPROCESS_DEFAULTS, dataset: 'toy', signals: true } as const;
  await assert.rejects(preprocessDataset(raw, scratch(t), settings), /--signals without --psd/);
  const psd = { folder: records, key: 'avg_psd.npz' };
  await assert.rejects(
    preprocessDataset(raw, scratch(t), { ...settings, psd }),
    /training_labels\.csv: found \d+ samples with target 0 \(first: \w{10}\), needed only signals/,
  );
  await assert.rejects(preprocessDataset(raw, records, { ...settings, psd }), /signals none, not true/);
});

test('signals are injected into the noise of records; records that do not fit are refused', async (t) => {
  const given: GivenSettings = { ...SETTINGS, snr: 'uniform', snr_min: 5, snr_max: 20 };
  const models = scratch(t);
  const { observer, said } = listen();
  const { run, files } = await trainModel(records, models, given, { ...OPTIONS, inject: signals }, observer);
  assert.ok(
    said.includes(
      'training on 20 records, validating on 4, in batches of 4, made of their noise and injected signals',
    ),
  );
  assert.ok(said.includes(`coherent: ${describeCost('coherent')}`));
  const saved = (name: string) => readFileSync(join(models, 'saved', `${run}_${name}`), 'utf8');
  const config = JSON.parse(saved('config.json'));
  assert.deepEqual([config.signals, config.snr, config.snr_max], ['signals', 'uniform', 20]);
  assert.equal(JSON.parse(saved('metrics.json')).n_validation, 4);
  assert.ok(!files.some((name) => name.includes('predictions')));
  assert.match(
    readFileSync(join(models, 'saved', 'report.html'), 'utf8'),
    /injected signals<\/dt><dd>signals; SNR uniform, 5 to 20/,
  );

  const refuse = async (where: string, inject: string | undefined, message: RegExp) => {
    const options = { ...OPTIONS, ...(inject !== undefined && { inject }) };
    await assert.rejects(trainModel(where, scratch(t), given, options), message);
  };
  await refuse(
    signals,
    undefined,
    /signals\/: found records of signals without noise, needed records of samples with noise/,
  );
  await refuse(
    records,
    records,
    /records\/: found records of samples with noise, needed records of signals without noise/,
  );
  await refuse(records, undefined, /--snr is set without --inject/);
  const isSignals = /found records of signals without noise/;
  const weights = { folder: join(models, 'saved'), key: `${run}_weights.npz` };
  await assert.rejects(predictDataset([weights], signals, { batchSize: 4, device: 'cpu' }), isSignals);
  const [from, to] = [createFileStore(signals), createFileStore(scratch(t))];
  await assert.rejects(mergeRecords(from, to, 'train.tfrecord', 'float32'), isSignals);
  const toy = await makeToyRecords({ count: 20 });
  await refuse(toy.location, signals, /signals whitened by the PSD \w{12}, needed 000000000000/);
});

test('a training starts from the weights of a model; those of another preset or recipe are refused', async (t) => {
  const [models, others] = [scratch(t), scratch(t)];
  const given: GivenSettings = { ...SETTINGS, epochs: 1 };
  const { run } = await trainModel(records, models, given, OPTIONS);
  const init = join(models, 'saved', `${run}_weights.npz`);
  // Without a preset it takes the model's. At this rate a step changes a weight by no more than 1e-9.
  const still: GivenSettings = { epochs: 1, batch_size: 4, learning_rate: 1e-9 };
  const next = await trainModel(records, others, still, { ...OPTIONS, init });
  const [before, after] = await Promise.all([
    readModel(createFileStore(join(models, 'saved')), `${run}_weights.npz`),
    readModel(createFileStore(join(others, 'saved')), `${next.run}_weights.npz`),
  ]);
  assert.equal(after.preset, 'coherent');
  for (const [name, { data }] of before.weights) {
    const tuned = after.weights.get(name)!.data;
    if (isTrainable(name))
      assert.ok(
        data.every((value, i) => Math.abs(tuned[i]! - value) < 1e-6),
        name,
      );
  }
  const saved = join(others, 'saved');
  const config = JSON.parse(readFileSync(join(saved, `${next.run}_config.json`), 'utf8'));
  assert.deepEqual([config.preset, config.init], ['coherent', `${run}_weights.npz`]);
  assert.match(readFileSync(join(saved, 'report.html'), 'utf8'), /initial weights<\/dt><dd>coherent_/);

  await assert.rejects(
    trainModel(records, scratch(t), { ...given, preset: 'diy' }, { ...OPTIONS, init }),
    /weights\.npz has weights of coherent, the preset is diy\. Set the preset coherent, or none/,
  );
  const recipe = join(models, 'saved', `${run}_recipe.json`);
  const text = readFileSync(recipe, 'utf8');
  writeFileSync(recipe, text.replace(/"recipe_hash": "\w{64}"/, `"recipe_hash": "${'a'.repeat(64)}"`));
  await assert.rejects(
    trainModel(records, scratch(t), given, { ...OPTIONS, init }),
    /was trained on samples with recipe aaaaaaaaaaaa/,
  );
});

test('damaged records of a single file can be skipped', async (t) => {
  const records = await makeSingleFile(scratch(t), (bytes) => {
    bytes[Math.floor(5.5 * (bytes.length / 10))]! ^= 1;
  });
  const { observer, said } = listen();
  const options: TrainOptions = { ...OPTIONS, onCorrupt: 'skip' };
  await assert.rejects(
    trainModel(records, scratch(t), SETTINGS, OPTIONS),
    /train\.tfrecord at byte \d+: found/,
  );
  await trainModel(records, scratch(t), { ...SETTINGS, epochs: 1 }, options, observer);
  assert.match(said.join('\n'), /skipped: .*train\.tfrecord at byte.*\n9 records are left\n/);
  assert.match(said.join('\n'), /training on 8 records, validating on 1/);
});

test('training on a file that was replaced starts over', async (t) => {
  const [folder, models] = [scratch(t), scratch(t)];
  await makeSingleFile(folder);
  const first = listen(/^epoch 1/);
  const stopped = trainModel(folder, models, SETTINGS, OPTIONS, first.observer, first.signal);
  await assert.rejects(stopped, PausedError);
  const other = await makeToyRecords({ count: 10, shardSize: 10, seed: 9 });
  writeFileSync(join(folder, 'train.tfrecord'), await other.read('train-00000-of-00001.tfrecord'));
  const { observer, said, signal } = listen(/^training on/);
  await assert.rejects(trainModel(folder, models, SETTINGS, OPTIONS, observer, signal), PausedError);
  assert.doesNotMatch(said.join('\n'), /resuming/);
});

test('checkpoints in a separate location serve another location of models, whose run has all of its files', async (t) => {
  const records = await makeSingleFile(scratch(t));
  const options = { ...OPTIONS, checkpoints: scratch(t) };
  const first = listen(/^epoch 1/);
  await assert.rejects(
    trainModel(records, scratch(t), SETTINGS, options, first.observer, first.signal),
    (error) => error instanceof PausedError && /resumes from its checkpoint$/.test(error.message),
  );
  const models = scratch(t);
  const { observer, said } = listen();
  const { files } = await trainModel(records, models, SETTINGS, options, observer);
  assert.match(said.join('\n'), /resuming coherent_\w+ from its checkpoint in epoch 2 after step 0/);
  for (const file of files) assert.ok(readFileSync(join(models, file)).length > 0, file);
});

test('a shard that was replaced by another one of its size ends the training, and no model is written', async (t) => {
  for (const onCorrupt of ['stop', 'skip'] as const) {
    const [toy, models] = [await makeToyRecords({ count: 16, shardSize: 4 }), scratch(t)];
    await replaceShard(toy);
    await assert.rejects(trainModel(toy.location, models, SETTINGS, { ...OPTIONS, onCorrupt }), (error) => {
      assert.ok(error instanceof ChirplineError && error.exitCode === 1, String(error));
      assert.match(
        error.message,
        /train-00001-of-00004\.tfrecord: found bytes with SHA-256 .*, as metadata\.json says/,
      );
      return true;
    });
    assert.deepEqual(
      readdirSync(join(models, 'saved')).filter((name) => name.endsWith('.npz')),
      [],
    );
  }
});

test('a duplicate sample ends the training even if the hashes are right', async (t) => {
  const toy = await makeToyRecords({ count: 16, shardSize: 4 });
  await replaceShard(toy, true);
  await assert.rejects(
    trainModel(toy.location, scratch(t), SETTINGS, OPTIONS),
    (error) =>
      error instanceof InputError &&
      /00001-of-00004\.tfrecord at byte 0: found the id "toy0000000", which the record at byte 0 of .*00000-of-00004/.test(
        error.message,
      ),
  );
});

test('the predictions of the validation records are those of the kept weights, and give the scores of metrics.json', async (t) => {
  const [toy, models] = [await makeToyRecords({ count: 23 }), scratch(t)];
  await toy.write('avg_psd.npz', new Uint8Array(1));
  const { run, metrics, files } = await trainModel(
    toy.location,
    models,
    { ...SETTINGS, folds: 3, fold: 1 },
    OPTIONS,
  );
  assert.equal(files.indexOf(`saved/${run}_predictions.csv`), files.length - 3);
  const [header, ...rows] = readFileSync(join(models, 'saved', `${run}_predictions.csv`), 'utf8')
    .trimEnd()
    .split('\n');
  assert.equal(header, 'id,target,prediction,fold');
  const cells = rows.map((row) => row.split(','));
  // Records 7 to 14; every other record is a signal.
  const expected = Array.from({ length: 8 }, (_, i) => [toyId(7 + i), String((7 + i) % 2), '1']);
  assert.deepEqual(
    cells.map(([id, target, , fold]) => [id, target, fold]),
    expected,
  );
  const probabilities = Float64Array.from(cells, ([, , prediction]) => Number(prediction));
  assert.deepEqual(
    cells.map(([, , prediction]) => prediction),
    Array.from(probabilities, String),
  );
  const labels = Uint8Array.from(cells, ([, target]) => Number(target));
  const logits = Float32Array.from(probabilities, (p) => Math.log(p / (1 - p)));
  assert.deepEqual(score(labels, logits), metrics.val_metrics);
  const weights = { folder: join(models, 'saved'), key: `${run}_weights.npz` };
  const all = await predictDataset([weights], toy.location, { batchSize: 4, device: 'cpu' });
  for (const [i, probability] of probabilities.entries()) {
    assert.ok(Math.abs(probability - sigmoid(all.logits[7 + i]!)) < 1e-5, `record ${7 + i}`);
    assert.ok(Math.abs(probability - sigmoid(all.logits[6 + i]!)) > 1e-5, `record ${6 + i}`);
  }
});

/** A folder with a single train.tfrecord of records with these ids. */
async function makeNamed(folder: string, ids: readonly string[]): Promise<string> {
  const samples = makeSamples(ids.length).map((sample, i) => ({ ...sample, id: ids[i]! }));
  writeFileSync(join(folder, 'train.tfrecord'), buildShard(samples, 'float16'));
  return folder;
}

test('in the predictions a record without an id has its number among all records', async (t) => {
  const [records, models] = [await makeNamed(scratch(t), ['', '', 'a', '', '', 'b']), scratch(t)];
  const folds = [];
  for (const fold of [1, 0]) {
    const settings = { ...SETTINGS, epochs: 1, folds: 2, fold };
    const { run } = await trainModel(records, models, settings, OPTIONS);
    folds.push(await readPredictions(createFileStore(join(models, 'saved')), `${run}_predictions.csv`));
  }
  const joined = orderFolds(folds);
  assert.deepEqual(
    joined.map(({ ids, labels }) => [ids, [...labels]]),
    [
      [
        ['0', '1', 'a'],
        [1, 0, 0],
      ],
      [
        ['3', '4', 'b'],
        [1, 0, 0],
      ],
    ],
  );
});

test('a record whose id a spreadsheet might run costs a training its predictions, and nothing else', async (t) => {
  const [records, models] = [await makeNamed(scratch(t), ['a', 'b', 'c', '=cmd', 'd', 'e']), scratch(t)];
  const settings = { ...SETTINGS, epochs: 1, folds: 2, fold: 1 };
  const { run, files } = await trainModel(records, models, settings, OPTIONS);
  assert.ok(files.includes(`saved/${run}_metrics.json`));
  assert.ok(!files.includes(`saved/${run}_predictions.csv`));
  assert.ok(!existsSync(join(models, 'saved', `${run}_predictions.csv`)));
  assert.match(
    readFileSync(join(models, 'saved', 'report.html'), 'utf8'),
    /The predictions of the validation records are not written: .*\/, record 3: found the id .*=cmd/,
  );
});

test('with an unreadable rejected.csv only the table of the report is missing, and the weights are written', async (t) => {
  const [toy, models] = [await makeToyRecords({ count: 10 }), scratch(t)];
  await toy.write('avg_psd.npz', new Uint8Array(1));
  const metadata = JSON.parse(new TextDecoder().decode(await toy.read('metadata.json')));
  await toy.write('metadata.json', Buffer.from(JSON.stringify({ ...metadata, n_failed: 2 })));
  await toy.write('rejected.csv', Buffer.from('id;file;reason\r\nx;y;z;\r\n"a",b\r\n'));
  const options = { ...OPTIONS, note: 'made up' };
  const { files } = await trainModel(toy.location, models, { ...SETTINGS, epochs: 1 }, options);
  assert.ok(files.some((name) => name.endsWith('_weights.npz')));
  const report = readFileSync(join(models, 'saved', 'report.html'), 'utf8');
  assert.match(report, /made up\. The rejected samples are not listed: .*rejected\.csv: found the columns/);
  assert.match(report, /2 in total\. Their list is not available here/);
});

test('the files of a training in mixed precision name the type that was computed in', async (t) => {
  const [records, models] = [await makeSingleFile(scratch(t)), scratch(t)];
  const { run } = await trainModel(records, models, { ...SETTINGS, precision: 'mixed' }, OPTIONS);
  const saved = (name: string) => readFileSync(join(models, 'saved', name), 'utf8');
  const { precision, compute_dtype, n_gpus } = JSON.parse(saved(`${run}_config.json`));
  assert.deepEqual([precision, compute_dtype, n_gpus], ['mixed', 'bfloat16', 0]);
  assert.match(saved('report.html'), /mixed \(bfloat16\)/);
});

test('files that can’t be written during training are reported, and the training continues', async (t) => {
  const [records, models] = [await makeSingleFile(scratch(t)), scratch(t)];
  const { observer, said } = listen(/^training on/, () =>
    writeFileSync(join(models, 'tensorboard'), 'a file where a folder is needed'),
  );
  const { files } = await trainModel(records, models, SETTINGS, OPTIONS, observer);
  assert.equal(said.filter((line) => /^epoch \d is missing from a file: cannot write/.test(line)).length, 2);
  assert.equal(files.length, 12);
});

test('a training that is stopped without a checkpoint doesn’t claim to have one', async (t) => {
  const [records, checkpoints] = [await makeSingleFile(scratch(t)), scratch(t)];
  const controller = new AbortController();
  const { observer } = listen(/^epoch 1/, () => {
    const [name] = readdirSync(checkpoints);
    rmSync(join(checkpoints, name!), { recursive: true });
    writeFileSync(join(checkpoints, name!), 'a file where a folder is needed');
    controller.abort();
  });
  await assert.rejects(
    trainModel(records, scratch(t), SETTINGS, { ...OPTIONS, checkpoints }, observer, controller.signal),
    (error) =>
      error instanceof PausedError && /from the previous checkpoint, or starts over/.test(error.message),
  );
});

test('a wrong setting or location ends the training before it has written anything', async (t) => {
  const [records, models, place] = [await makeSingleFile(scratch(t)), scratch(t), scratch(t)];
  const file = join(place, 'file');
  writeFileSync(file, '');
  const unwritable = { ...OPTIONS, checkpoints: join(file, 'checkpoints') };
  await assert.rejects(trainModel(records, models, SETTINGS, unwritable), MachineError);
  const mixed: GivenSettings = { ...SETTINGS, precision: 'mixed' };
  await assert.rejects(trainModel(records, models, mixed, { ...OPTIONS, engine: 'eager' }), SettingError);
  assert.deepEqual(readdirSync(join(models, 'saved')), []);
});
