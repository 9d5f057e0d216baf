/** The notebooks from the competition's data to a submission, under Kaggle's conditions. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, test } from 'node:test';
import { StoppedError } from '../../src/core/errors.ts';
import type { Progress } from '../../src/core/progress.ts';
import { predictDataset } from '../../src/inference/prediction-run.ts';
import { chirpline, chirplineWell, startChirpline } from '../support/command.ts';
import { PYTHON } from '../support/python.ts';
import { PATH_WITH_TENSORFLOW } from '../tensorflow/process.ts';
import { runNotebook } from './machine.ts';
import { checkSubmission } from './submission.ts';

const COMPETITION = 'g2net-gravitational-wave-detection';
const TRAINING = ['--preset', 'coherent', '--batch-size', '32', '--folds', '2'];

// For predictDataset: the test environment's TensorFlow, unless one is chosen.
process.env.PATH = PATH_WITH_TENSORFLOW;

let folder: string;
let bundle: string;
const place = (...names: string[]) => join(folder, ...names);
/** The ids of the test folder, not in the order of their names. */
let ids: string[];

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'chirpline-kaggle-'));
  bundle = place('bundle');
  const settings = [...TRAINING, '--epochs', '1', '--shard-size', '8', '--max-rejected', '5%', '--tta'];
  chirplineWell('kaggle', 'bundle', '--user', 'jane', '--out', bundle, ...settings);
  chirplineWell('simulate', place('data'), '--samples', '200', '--seed', '1', '--snr-median', '15');
  chirplineWell('simulate', place('unlabelled'), '--samples', '60', '--seed', '2');
  renameSync(place('unlabelled/train'), place('data/test'));
  rmSync(place('data/truth.csv'));
  const files = readdirSync(place('data/test'), { recursive: true, encoding: 'utf8' });
  ids = files.filter((name) => name.endsWith('.npy')).map((name) => basename(name, '.npy'));
  ids.reverse();
  writeFileSync(place('data/sample_submission.csv'), `id,target\n${ids.map((id) => `${id},0.5\n`).join('')}`);
  const damage = (part: string, id: string) =>
    writeFileSync(join(place('data', part), id[0]!, id[1]!, id[2]!, `${id}.npy`), 'damaged');
  damage('test', ids[7]!);
  const labels = readFileSync(place('data/training_labels.csv'), 'utf8').trimEnd().split('\n');
  damage('train', labels[1]!.split(',')[0]!);
  const others = ['0123456789,1', '0123456788,0', '0123456787,1'];
  writeFileSync(place('data/training_labels.csv'), `${[...labels.slice(0, -5), ...others].join('\n')}\n`);
});
after(() => rmSync(folder, { recursive: true, force: true }));

interface Session {
  /** Where /kaggle/working is kept. */
  working: string;
  inputs: Record<string, string>;
  hours?: number;
}

/** Runs a notebook of the bundle with further inputs. `inputs` are paths below /kaggle/input and folders. */
function runKernel(kernel: string, step: string, { working, inputs, hours }: Session) {
  mkdirSync(working, { recursive: true });
  return runNotebook({
    launcher: join(bundle, kernel, `${step}.py`),
    python: PYTHON,
    datasets: {
      'gw-src-code': join(bundle, 'gw-src-code'),
      'gw-node-runtime': join(bundle, 'gw-node-runtime'),
      ...inputs,
    },
    working,
    ...(hours !== undefined && { hours }),
  });
}

const competition = () => ({ [COMPETITION]: place('data') });
const newPath = () => ({ [`competitions/${COMPETITION}`]: place('data') });

test('preprocessing: a session that is cut off keeps what is done, and the next version resumes', async () => {
  const ended = runKernel('gw-preprocess', 'preprocess', {
    working: place('first'),
    inputs: competition(),
    hours: 0,
  });
  assert.equal(ended.status, 0, ended.output);
  assert.match(ended.output, /stopped after 0 hours.*add the output of this notebook to its inputs/);
  assert.ok(!existsSync(place('first/records/metadata.json')));

  const args = [
    place('data'),
    '--dataset',
    COMPETITION,
    '--shard-size',
    '8',
    '--max-rejected',
    '5%',
    '--workers',
    '1',
  ];
  chirplineWell('preprocess', ...args, place('whole'));
  const shards = readdirSync(place('whole')).filter((name) => name.endsWith('.tfrecord'));
  rmSync(place('first/records'), { recursive: true, force: true });
  const child = startChirpline('preprocess', ...args, place('first/records'));
  while (!existsSync(place('first/records', shards[3]!))) {}
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.ok(!existsSync(place('first/records/metadata.json')), 'the run was killed too late');

  const { status, output } = runKernel('gw-preprocess', 'preprocess', {
    working: place('second'),
    inputs: { ...newPath(), 'notebooks/jane/gw-preprocess': place('first') },
  });
  assert.equal(status, 0, output);
  assert.match(output, /resuming from .*notebooks\/jane\/gw-preprocess\/records/);
  assert.match(output, /194 records in 25 shards of float16, .*, 9 rejected/);
  for (const name of shards)
    assert.ok(readFileSync(place('second/records', name)).equals(readFileSync(place('whole', name))), name);
});

test('training: a session that is cut off leaves a checkpoint, from which the next version resumes', () => {
  const inputs = { 'gw-preprocess': place('second') };
  const long = place('long');
  const script = readFileSync(join(bundle, 'gw-training/train.py'), 'utf8');
  mkdirSync(long);
  writeFileSync(join(long, 'train.py'), script.replace('"--epochs","1"', '"--epochs","500"'));
  const session = (name: string, more: Record<string, string> = {}) => {
    mkdirSync(place(name), { recursive: true });
    return runNotebook({
      launcher: join(long, 'train.py'),
      python: PYTHON,
      datasets: {
        'gw-src-code': join(bundle, 'gw-src-code'),
        'gw-node-runtime': join(bundle, 'gw-node-runtime'),
        ...inputs,
        ...more,
      },
      working: place(name),
      hours: 12 / 3600,
    });
  };
  const ended = session('ended');
  assert.equal(ended.status, 0, ended.output);
  assert.match(ended.output, /stopped after 0\.00333333 hours/);
  const next = session('next', { 'gw-training': place('ended') });
  assert.match(next.output, /resuming from \/kaggle\/input\/gw-training\/models/);
  assert.match(next.output, /resuming coherent_\S+ from its checkpoint in epoch \d+/);
});

test('training: only untrained folds are trained, and all predictions are joined', () => {
  const inputs = { 'gw-preprocess': place('second') };
  const first = runKernel('gw-training', 'train', { working: place('trained'), inputs });
  assert.equal(first.status, 0, first.output);
  const saved = readdirSync(place('trained/models/saved'));
  assert.equal(saved.filter((name) => name.endsWith('_weights.npz')).length, 2);
  const rows = readFileSync(place('trained/models/oof.csv'), 'utf8').trimEnd().split('\n');
  assert.equal(rows[0], 'id,target,prediction,fold');
  assert.equal(new Set(rows.slice(1).map((row) => row.split(',')[0])).size, 194);
  assert.match(first.output, /AUC/);

  const again = runKernel('gw-training', 'train', {
    working: place('again'),
    inputs: { ...inputs, 'gw-training': place('trained') },
  });
  assert.equal(again.status, 0, again.output);
  for (const fold of [0, 1])
    assert.match(again.output, new RegExp(`fold ${fold} of 2 is trained: coherent_\\S+_weights\\.npz`));
  assert.deepEqual(
    readFileSync(place('again/models/oof.csv')),
    readFileSync(place('trained/models/oof.csv')),
  );
});

test('prediction: all ids of the sample submission, in its order, by all models, from where the last session stopped', async () => {
  const inputs = { ...competition(), 'gw-training': place('trained') };
  // What a version leaves that was ended after two batches.
  const saved = place('trained/models/saved');
  const foldOf = (name: string): number =>
    JSON.parse(readFileSync(join(saved, name.replace('_weights.npz', '_config.json')), 'utf8')).fold;
  const weights = readdirSync(saved).filter((name) => name.endsWith('_weights.npz'));
  weights.sort((a, b) => foldOf(a) - foldOf(b));
  const stop = new AbortController();
  mkdirSync(place('partial'));
  const settings = {
    batchSize: 8,
    device: 'cpu',
    tta: true,
    partial: { folder: place('partial'), key: 'submission.csv.partial' },
  } as const;
  const progress = ({ done }: Progress) => done >= 16 && stop.abort();
  const places = weights.map((key) => ({ folder: saved, key }));
  await assert.rejects(
    predictDataset(places, place('data/test'), settings, { progress }, stop.signal),
    StoppedError,
  );
  const { status, output } = runKernel('gw-predict', 'predict', {
    working: place('predicted'),
    inputs: { ...inputs, 'gw-predict': place('partial') },
  });
  assert.equal(status, 0, output);
  assert.match(output, /resuming from \/kaggle\/input\/gw-predict\/submission\.csv\.partial/);
  assert.match(output, /resuming: 16 of /);
  const submission = readFileSync(place('predicted/submission.csv'), 'utf8');
  const sample = readFileSync(place('data/sample_submission.csv'), 'utf8');
  assert.deepEqual(checkSubmission(submission, sample), []);
  const rows = submission.trimEnd().split('\n');
  assert.equal(rows[8], `${ids[7]},0.5`);
  assert.equal(rows.filter((row) => row.endsWith(',0.5')).length, 1);
  assert.match(output, /59 predictions, averaged over 2 models, 1 filled \(--fill\), 1 rejected/);

  assert.equal(checkSubmission(submission.replace(`${ids[3]},`, `${ids[4]},`), sample).length, 3);
  assert.match(checkSubmission(submission.replace(/0\.5\n/, 'nan\n'), sample).join(), /nan is no number/);
});

test('inputs that are missing or unfinished are named, with what to do', () => {
  const run = (kernel: string, step: string, inputs: Record<string, string>) => {
    const { status, output } = runKernel(kernel, step, { working: place('none'), inputs });
    assert.equal(status, 1, output);
    return output;
  };
  mkdirSync(place('empty'));
  for (const inputs of [{}, { [COMPETITION]: place('empty') }])
    assert.match(
      run('gw-preprocess', 'preprocess', inputs),
      /has no g2net-gravitational-wave-detection\/training_labels\.csv: accept the competition's rules at https/,
    );
  assert.match(
    run('gw-training', 'train', { 'gw-preprocess': place('first') }),
    /gw-preprocess has no complete records .*: run gw-preprocess to its end first/,
  );
  assert.match(run('gw-predict', 'predict', competition()), /has no weights: add the output of gw-training/);
  cpSync(place('data/training_labels.csv'), place('empty/training_labels.csv'));
  mkdirSync(place('empty/train'));
  assert.match(
    run('gw-predict', 'predict', { [COMPETITION]: place('empty'), 'gw-training': place('trained') }),
    /has no g2net-gravitational-wave-detection\/test: accept/,
  );
});

test('float32 records are refused, since a notebook keeps 20 GB', () => {
  const refused = chirpline(
    ...['kaggle', 'bundle', '--user', 'jane', '--out', place('other'), '--dtype', 'float32'],
  );
  assert.equal(refused.status, 2);
  assert.match(refused.stderr, /27\.6 GB in float32, and a notebook's output holds 20 GB/);
});
