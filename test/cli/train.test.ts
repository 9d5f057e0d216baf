import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { chirpline, chirplineWell, startChirpline } from '../support/command.ts';
import { folderForTests, scratch } from '../support/fixtures.ts';
import { runPython } from '../support/python.ts';

const { folder, remove } = folderForTests();
const raw = join(folder, 'tiny');
const out = join(folder, 'out');
const records = join(out, 'records', 'tiny');
const saved = join(out, 'models', 'tiny', 'saved');
const TRAINING = ['--epochs', '2', '--batch-size', '16', '--learning-rate', '1e-3', '--device', 'cpu'];
let printed = '';
after(remove);
before(() => {
  chirplineWell('simulate', raw, '--samples', '40', '--seed', '3', '--snr-median', '20');
  printed = chirplineWell('run', raw, out, ...TRAINING);
});

const file = (ending: string) => {
  const name = readdirSync(saved, { recursive: true }).find((path) => String(path).endsWith(ending));
  assert.ok(name, `no ${ending}`);
  return join(saved, String(name));
};
const json = (ending: string) => JSON.parse(readFileSync(file(ending), 'utf8'));

test('a run writes all artifacts with the names that other programs expect', () => {
  const names = readdirSync(saved, { recursive: true })
    .map(String)
    .filter((name) => statSync(join(saved, name)).isFile())
    .map((name) => name.replace(/diy_\d{8}_\d{4}/, 'RUN'))
    .sort();
  assert.deepEqual(names, [
    'RUN_avg_psd.npz',
    'RUN_config.json',
    'RUN_history.json',
    'RUN_metrics.json',
    'RUN_predictions.csv',
    'RUN_recipe.json',
    'RUN_weights.npz',
    'plots/RUN_confusion_matrix.png',
    'plots/RUN_dashboard.png',
    'plots/RUN_learning_curves.png',
    'plots/RUN_pr_curve.png',
    'plots/RUN_prediction_dist.png',
    'plots/RUN_roc_curve.png',
    'report.html',
  ]);
  for (const name of names.map((name) => name.slice(name.indexOf('_')))) {
    if (name.startsWith('_')) assert.ok(printed.includes(name), `the command did not print ${name}`);
  }
});

test('metrics and config have the keys that other programs read', () => {
  const metrics = json('_metrics.json');
  for (const key of ['timestamp', 'hyperparameters', 'val_metrics', 'final_train_loss', 'final_val_loss']) {
    assert.ok(key in metrics, key);
  }
  assert.deepEqual(Object.keys(metrics.val_metrics), [
    'accuracy',
    'auc',
    'precision',
    'recall',
    'specificity',
  ]);
  const { n_samples, learning_rate, dropout_rate, epochs, batch_size } = json('_config.json');
  assert.deepEqual(
    { n_samples, learning_rate, dropout_rate, epochs, batch_size },
    { n_samples: 4096, learning_rate: 1e-3, dropout_rate: 0.5, epochs: 2, batch_size: 16 },
  );
  assert.equal(json('_config.json').compute_dtype, 'float32');
  assert.equal(json('_history.json').epochs.length, 2);
});

test('raw samples and their records get the same predictions, except for the rounding of float16', (t) => {
  const place = scratch(t);
  const predict = (data: string, name: string) => {
    chirplineWell('predict', file('_weights.npz'), data, '--out', join(place, name), '--device', 'cpu');
    const [header, ...rows] = readFileSync(join(place, name), 'utf8').trim().split('\n');
    assert.equal(header, 'id,target');
    return new Map(rows.map((row) => [row.split(',')[0]!, Number(row.split(',')[1])]));
  };
  const fromRaw = predict(raw, 'raw.csv');
  const fromRecords = predict(records, 'records.csv');
  assert.equal(fromRaw.size, 40);
  for (const [id, probability] of fromRecords) {
    assert.ok(
      Math.abs(probability - fromRaw.get(id)!) < 2e-3,
      `${id}: ${probability} and ${fromRaw.get(id)}`,
    );
  }
});

test('predictions for standard output are all that is there, and no file is written beside it', (t) => {
  const place = scratch(t);
  const link = join(place, 'link');
  symlinkSync('/dev/stdout', link);
  const csv = join(place, 'csv');
  const predict = (out: string) =>
    chirplineWell('predict', file('_weights.npz'), records, '--out', out, '--device', 'cpu');
  predict(csv);
  assert.equal(predict(link), readFileSync(csv, 'utf8'));
  assert.deepEqual(readdirSync(place), ['csv', 'link']);
});

test('the rows of a prediction are those of --like, with the value of --fill where there is no sample', (t) => {
  const place = scratch(t);
  const [list, submission] = [join(place, 'sample_submission.csv'), join(place, 'out.csv')];
  const ids = readFileSync(join(raw, 'training_labels.csv'), 'utf8').match(/^[0-9a-f]{10}/gm)!;
  writeFileSync(list, `id,target\nnone,0.5\n${ids[7]},0.5\n${ids[2]},0.5\n`);
  const predict = (...more: string[]) =>
    chirpline(
      'predict',
      file('_weights.npz'),
      raw,
      '--out',
      submission,
      '--like',
      list,
      '--device',
      'cpu',
      ...more,
    );
  const refused = predict();
  assert.equal(refused.status, 1);
  assert.match(
    refused.stderr,
    /sample_submission\.csv: found 1 of 3 ids without a usable sample: none, needed .*--fill/,
  );
  // It was refused before TensorFlow was loaded.
  assert.doesNotMatch(refused.stderr, /TensorFlow/);
  const { status, stdout, stderr } = predict('--fill', '0.1');
  assert.equal(status, 0, stderr);
  const rows = readFileSync(submission, 'utf8').trim().split('\n');
  assert.deepEqual(
    rows.map((row) => row.split(',')[0]),
    ['id', 'none', ids[7], ids[2]],
  );
  assert.equal(rows[1], 'none,0.1');
  // Another value for each sample, and the same rows.
  assert.equal(predict('--fill', '0.1', '--tta').status, 0);
  const means = readFileSync(submission, 'utf8').trim().split('\n');
  assert.deepEqual(
    rows.map((row, i) => row === means[i]),
    [true, true, false, false],
  );
  assert.match(stdout, /^2 predictions, 1 filled \(--fill\): /);
  assert.match(
    stderr,
    /^left out, since .*sample_submission\.csv doesn't list them: 38 samples \(\w+, \w+, \w+, \.\.\.\)$/m,
  );
});

test('a stopped prediction ends with exit code 130 and no output, and the same command resumes to the same bytes', async (t) => {
  const place = scratch(t);
  const submission = join(place, 'out.csv');
  const predict = (out: string) =>
    ['predict', file('_weights.npz'), raw, '--out', out, '--device', 'cpu', '--batch-size', '1'] as const;
  const child = startChirpline(...predict(submission));
  let said = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    // This line comes before the model is made.
    if (!/40 samples/.test(said) && /40 samples/.test(said + text)) child.kill('SIGINT');
    said += text;
  });
  const [code] = await once(child, 'close');
  assert.equal(code, 130, said);
  assert.match(said, /^chirpline: stopped; the same command resumes from /m);
  assert.ok(!existsSync(submission));
  // It may have been stopped before the first batch, or after it.
  const partial = `${submission}.partial`;
  const known = existsSync(partial) ? JSON.parse(readFileSync(partial, 'utf8')).logits.length : 0;
  const { status, stderr } = chirpline(...predict(submission));
  assert.equal(status, 0, stderr);
  if (known > 0) assert.match(stderr, new RegExp(`^resuming: ${known} of 40 samples are predicted$`, 'm'));
  const whole = join(place, 'whole.csv');
  writeFileSync(`${whole}.partial`, 'damaged');
  assert.match(
    chirpline(...predict(whole)).stderr,
    /^not resumed, all samples will be predicted: .*invalid JSON/m,
  );
  assert.ok(readFileSync(submission).equals(readFileSync(whole)));
  assert.deepEqual(readdirSync(place).sort(), ['out.csv', 'whole.csv']);
});

test('a stopped training has its own exit code, and the same command resumes to the weights that a training with this seed gives', async (t) => {
  const again = join(scratch(t), 'models');
  const child = startChirpline('train', records, again, ...TRAINING, '--checkpoint-minutes', '0.01');
  let said = '';
  // Send one signal only: a second one would end the process at once.
  let stopped = false;
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    // Stop in the second epoch, when the first one has ended.
    if (!stopped && /epoch 1\/2 {2}loss/.test(said)) stopped = child.kill('SIGTERM');
  });
  const [code] = await once(child, 'exit');
  assert.equal(code, 75, said);
  assert.match(said, /stopped .*; the same command resumes from its checkpoint/);
  assert.deepEqual(
    readdirSync(join(again, 'saved'))
      .map((name) => name.replace(/diy_\d{8}_\d{4}/, 'RUN'))
      .sort(),
    ['RUN_config.json', 'RUN_history.json'],
  );
  const { status, stderr } = chirpline('train', records, again, ...TRAINING);
  assert.equal(status, 0, stderr);
  assert.match(stderr, /resuming diy_\w+ from its checkpoint in epoch 2/);
  const weights = readdirSync(join(again, 'saved')).find((name) => name.endsWith('_weights.npz'))!;
  assert.ok(readFileSync(join(again, 'saved', weights)).equals(readFileSync(file('_weights.npz'))));
  assert.deepEqual(
    readdirSync(join(again, 'checkpoints'), { recursive: true }).filter((name) =>
      String(name).endsWith('.npz'),
    ),
    [],
  );
});

test('NumPy reads the weights and the PSD, and TensorFlow the merged records', () => {
  const merged = join(folder, 'train.tfrecord');
  chirplineWell('merge', records, merged);
  const answer = runPython(
    `
import sys, numpy as np, tensorflow as tf
w = np.load(sys.argv[1]); p = np.load(sys.argv[2])
assert set(a.dtype.name for a in w.values()) == {"float32"} and w["fc1_W"].shape == (768, 256) and w["gem_p"].shape == (1,)
assert p["avg_psd"].shape == (3, 2049) and p["avg_psd"].dtype == np.float64
n = 0
for r in tf.data.TFRecordDataset(sys.argv[3]):
    e = tf.train.Example.FromString(r.numpy())
    x = np.frombuffer(e.features.feature["signal"].bytes_list.value[0], np.float32).reshape(3, 4096)
    assert abs(x.std(axis=1) - 1).max() < 1e-2
    n += 1
print(len(w.files), n)
`,
    file('_weights.npz'),
    file('_avg_psd.npz'),
    merged,
  );
  assert.equal(answer.trim(), '39 40');
});

test('invalid weights, a folder without records and an invalid setting are refused', (t) => {
  const place = scratch(t);
  writeFileSync(join(place, 'x_weights.npz'), 'nonsense');
  const none = chirpline('predict', join(place, 'x_weights.npz'), raw, '--out', join(place, 'out.csv'));
  assert.equal(none.status, 1);
  assert.match(none.stderr, /x_weights\.npz/);
  const empty = chirpline('train', place, join(place, 'models'));
  assert.equal(empty.status, 1);
  assert.match(empty.stderr, /metadata\.json or train\.tfrecord: no such object/);
  const wrong = chirpline('train', records, join(place, 'models'), '--dropout-rate', '1');
  assert.equal(wrong.status, 2);
  assert.match(wrong.stderr, /needed: a number from 0 to 0\.99/);
});
