import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { encodeWeights } from '../../src/inference/model-file.ts';
import { initialWeights } from '../../src/model/weights.ts';
import { acquireLease, executionLease } from '../../src/preprocess/state/lease.ts';
import { createFileStore } from '../../src/storage/file/file-store.ts';
import { chirpline, chirplineIn, chirplineWell, startChirpline } from '../support/command.ts';
import { folderForTests, scratch } from '../support/fixtures.ts';

const { folder, remove } = folderForTests();
const raw = join(folder, 'raw');
const records = join(folder, 'records');
after(remove);
before(() => {
  chirplineWell('simulate', raw, '--samples', '40', '--seed', '5', '--snr-median', '20');
  chirplineWell('preprocess', raw, records, '--shard-size', '16');
});

test('a file error in a worker thread is not reported as a bug', (t) => {
  const out = scratch(t);
  writeFileSync(join(out, 'train'), 'a file where a folder is needed');
  const { status, stderr } = chirpline('simulate', out, '--samples', '2', '--seed', '1');
  assert.equal(status, 3);
  assert.match(stderr, /^chirpline: cannot write .*\/train\/.*a file exists where a folder is needed/m);
});

test('the error for too few open files says what to do, and is not reported as a bug', () => {
  const main = join(import.meta.dirname, '../../dist/cli/main.js');
  const command = ['-c', 'ulimit -n 64; exec "$@"', 'sh', process.execPath, main, 'train', records, folder];
  const { status, stderr } = spawnSync('sh', command, { encoding: 'utf8' });
  assert.equal(status, 3, stderr);
  assert.match(stderr, /^chirpline: .*too many open files. Raise the limit \(ulimit -n\)/m);
});

test('a folder with the name of the output file is reported before anything is computed', (t) => {
  const out = scratch(t);
  for (const args of [
    ['merge', records, out],
    ['predict', join(out, 'no_weights.npz'), raw, '--out', out],
  ]) {
    const { status, stderr } = chirpline(...args);
    assert.equal(status, 3, stderr);
    assert.match(stderr, /^chirpline: cannot write .*: a folder with this name exists. Move it/);
  }
});

test('outputs in the folder of the raw samples are not taken for inputs', (t) => {
  const data = join(scratch(t), 'data');
  cpSync(raw, data, { recursive: true });
  const inside = join(data, 'records');
  for (const place of [inside, inside, data, `${data}/`]) {
    assert.match(chirplineWell('preprocess', data, place), /40 records in 1 shard of.*none rejected/, place);
  }
});

test('the name of a dataset comes from the resolved path of its folder', (t) => {
  const place = join(scratch(t), 'records');
  chirplineWell('preprocess', `${raw}/train/..`, place);
  assert.equal(JSON.parse(readFileSync(join(place, 'metadata.json'), 'utf8')).dataset, 'raw');
  const { status, stderr } = chirpline('run', raw, place, '--dataset', '../elsewhere');
  assert.equal(status, 2);
  assert.match(stderr, /--dataset/);
});

test('finished records with a missing or truncated shard are not reported as complete', (t) => {
  const broken = join(scratch(t), 'records');
  cpSync(records, broken, { recursive: true });
  const shard = join(broken, 'train-00001-of-00003.tfrecord');
  const again = () => chirpline('preprocess', raw, broken, '--shard-size', '16');
  writeFileSync(shard, readFileSync(shard).subarray(0, 1000));
  assert.equal(again().status, 1);
  assert.match(again().stderr, /train-00001-of-00003\.tfrecord: found 1000 bytes, needed 394528 bytes/);
  rmSync(shard);
  assert.match(again().stderr, /train-00001-of-00003\.tfrecord: found no such file/);
});

test('merge refuses an undamaged shard in the place of another', (t) => {
  const broken = join(scratch(t), 'records');
  cpSync(records, broken, { recursive: true });
  cpSync(join(broken, 'train-00000-of-00003.tfrecord'), join(broken, 'train-00001-of-00003.tfrecord'));
  const target = join(broken, 'train.tfrecord');
  const { status, stderr } = chirpline('merge', broken, target);
  assert.equal(status, 1);
  assert.match(stderr, /train-00001-of-00003\.tfrecord: found SHA-256 [0-9a-f]{64}, needed/);
  assert.ok(!existsSync(target));
});

test('a run that rejects too many samples writes rejected.csv, and resumes when more are allowed', (t) => {
  const data = join(scratch(t), 'data');
  const place = join(data, 'records');
  cpSync(raw, data, { recursive: true });
  const damaged = readFileSync(join(data, 'training_labels.csv'), 'utf8').split('\n')[1]!.slice(0, 10);
  writeFileSync(join(data, 'train', ...damaged.slice(0, 3), `${damaged}.npy`), 'x');
  const first = chirpline('preprocess', data, place);
  assert.equal(first.status, 5);
  assert.match(
    first.stderr,
    /1 of 40 inputs were rejected, more than the tolerated 1 %\. .*rejected\.csv lists them/,
  );
  assert.match(
    readFileSync(join(place, 'rejected.csv'), 'utf8'),
    new RegExp(`^${damaged},train/.*needed`, 'm'),
  );
  appendFileSync(join(data, 'training_labels.csv'), 'without_file,0\n');
  const planned = chirpline('preprocess', data, join(data, 'other'));
  assert.equal(planned.status, 5);
  assert.match(
    readFileSync(join(data, 'other', 'rejected.csv'), 'utf8'),
    /without_file,,no raw sample has this id/,
  );
  chirplineWell('preprocess', data, join(data, 'other'), '--max-rejected', '10%');
});

test('the same command resumes a killed simulation, and another simulation in its folder is refused', async (t) => {
  const place = scratch(t);
  const args = (out: string) => ['simulate', join(place, out), '--samples', '256', '--seed', '2'];
  chirplineWell(...args('whole'));
  const child = startChirpline(...args('killed'));
  const ended = once(child, 'exit');
  while (!existsSync(join(place, 'killed', '_work', 'simulated'))) await setTimeout(5);
  child.kill('SIGKILL');
  await ended;
  chirplineWell(...args('killed'));
  for (const name of ['training_labels.csv', 'truth.csv']) {
    assert.deepEqual(readFileSync(join(place, 'killed', name)), readFileSync(join(place, 'whole', name)));
  }
  assert.match(chirpline(...args('killed')).stderr, /already complete/);
  const other = chirpline('simulate', join(place, 'whole'), '--samples', '256', '--seed', '3');
  assert.equal(other.status, 4);
  assert.match(other.stderr, /has a simulation with seed 2, not 3/);
});

test("labels that no simulation made, such as Kaggle's, are not overwritten", (t) => {
  const place = scratch(t);
  writeFileSync(join(place, 'training_labels.csv'), 'id,target\n');
  const { status, stderr } = chirpline('simulate', place, '--samples', '2', '--seed', '3');
  assert.equal(status, 4);
  assert.match(stderr, /has a training_labels\.csv that simulate didn't write/);
  assert.equal(readFileSync(join(place, 'training_labels.csv'), 'utf8'), 'id,target\n');
});

test('training reports an output that cannot be written before the first step', (t) => {
  const file = join(scratch(t), 'file');
  writeFileSync(file, '');
  const { status, stderr } = chirpline('train', records, join(file, 'models'), '--epochs', '1');
  assert.equal(status, 3);
  assert.match(stderr, /cannot write .*file/);
  assert.doesNotMatch(stderr, /training on/);
});

test('errors for a broken manifest, and for records of an earlier version, contain the path', (t) => {
  const refused = (name: string, text: string) => {
    const place = join(scratch(t), 'records');
    mkdirSync(join(place, '_work'), { recursive: true });
    writeFileSync(join(place, '_work', name), text);
    return chirpline('preprocess', raw, place);
  };
  const broken = refused('manifest.json', '{"version"');
  assert.equal(broken.status, 1);
  assert.match(broken.stderr, /_work\/manifest\.json: found invalid JSON/);
  const old = refused('plan.json', '{}');
  assert.equal(old.status, 4);
  assert.match(old.stderr, /_work\/plan\.json without .*: records of an earlier version of chirpline/);
});

test('with --no-wait, records that another run writes are refused at once, and the error names the run', async (t) => {
  const busy = join(scratch(t), 'records');
  await acquireLease(createFileStore(busy), executionLease('arn:of-a-run'));
  const { status, stderr } = chirpline('preprocess', raw, busy, '--no-wait');
  assert.equal(status, 4);
  assert.match(stderr, /is being written by arn:of-a-run\. Wait for it, or stop it/);
});

test('a folder instead of a file, and a share without digits, are refused', () => {
  const merge = chirpline('merge', records, `${folder}/`);
  assert.equal(merge.status, 2);
  assert.match(merge.stderr, /is not a file: give its full path/);
  const share = chirpline('preprocess', raw, records, '--max-rejected', '%');
  assert.equal(share.status, 2);
  assert.match(share.stderr, /needed: a share such as 1% or 0\.01.*\n\(chirpline preprocess --help/);
});

test('a closed standard error does not stop the work', async (t) => {
  const out = join(scratch(t), 'raw');
  const child = startChirpline('simulate', out, '--samples', '100', '--seed', '1');
  child.stderr?.destroy();
  assert.deepEqual((await once(child, 'exit'))[0], 0);
  assert.ok(existsSync(join(out, 'training_labels.csv')));
});

test('a result that cannot be printed gives an error of one line', () => {
  const full = openSync('/dev/full', 'w');
  const { status, stderr } = chirplineIn(
    { stdio: ['ignore', full, 'pipe'] },
    'inspect',
    join(records, 'metadata.json'),
  );
  closeSync(full);
  assert.equal(status, 3);
  assert.match(stderr, /^chirpline: cannot write to standard output: ENOSPC.*\n$/);
});

test('raw samples with the same id are rejected, and rejected samples are listed even if the prediction fails', async (t) => {
  const data = join(scratch(t), 'data');
  cpSync(raw, data, { recursive: true });
  const id = readFileSync(join(raw, 'training_labels.csv'), 'utf8').split('\n')[1]!.slice(0, 10);
  cpSync(join(raw, 'train', ...id.slice(0, 3), `${id}.npy`), join(data, 'train', `${id}.npy`));
  const weights = join(data, 'coherent_weights.npz');
  writeFileSync(weights, await encodeWeights(initialWeights('coherent', 1)));
  const out = join(data, 'submission.csv');
  const options = ['--psd', join(records, 'avg_psd.npz'), '--device', 'cpu', '--out', out];
  const predict = (...more: string[]) => chirpline('predict', weights, data, ...options, ...more);
  const refused = predict();
  assert.equal(refused.status, 5);
  assert.match(
    refused.stderr,
    /2 of 41 samples were rejected.*Fix the samples listed in .*submission\.csv\.rejected\.csv/,
  );
  assert.match(
    readFileSync(`${out}.rejected.csv`, 'utf8'),
    new RegExp(`^${id},.*,2 raw samples have this id$`, 'm'),
  );
  assert.ok(!existsSync(out));
  assert.equal(predict('--max-rejected', '5%').status, 0);
  assert.equal(readFileSync(out, 'utf8').trim().split('\n').length, 1 + 39);
});

test('an endpoint that is no URL gives an error of one line', () => {
  const { status, stderr } = chirplineIn(
    { env: { ...process.env, AWS_ENDPOINT_URL: 'nonsense' } },
    'inspect',
    's3://bucket/metadata.json',
  );
  assert.equal(status, 2);
  assert.match(stderr, /^chirpline: AWS_ENDPOINT_URL is "nonsense": needed a URL/);
});
