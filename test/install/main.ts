/**
 * `npm run test:install`: packs chirpline, installs the package as users do, and runs it in a minimal Debian. There each command
 * works, or names what is missing and the command that brings it.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { addonName } from '../../src/tensorflow/install/addon.ts';
import { prepareTensorFlow } from '../../src/tensorflow/install/load.ts';
import { pack, readManifest } from '../package/packed.ts';
import { folderForTests } from '../support/fixtures.ts';
import { makeDebian, runInDebian } from './debian.ts';

const { folder, remove } = folderForTests();
after(remove);
const place = (name: string) => join(folder, name);
const PREFIX = place('prefix');
const PACKAGE = join(PREFIX, 'lib/node_modules/chirpline');
const NATIVE = join(PACKAGE, 'build/native-linux-x64.node');

let tarball: string;
before(() => {
  makeDebian();
  tarball = pack(folder);
  for (const name of ['home', 'empty', 'work']) mkdirSync(place(name));
  // As npm does it by default: install scripts run.
  npm('install', '--global', '--prefix', PREFIX, '--ignore-scripts=false', tarball);
});

function npm(...words: string[]): string {
  return execFileSync('npm', [...words, '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: place('empty'),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

const folders: Record<string, string> = { '/opt/chirpline': PREFIX };
let env: Record<string, string> = {};
const run = (...words: string[]) => runInDebian({ work: place('work'), folders, env }, 'chirpline', ...words);

function runWell(...words: string[]): string {
  const { status, stdout, stderr } = run(...words);
  assert.equal(status, 0, `chirpline ${words.join(' ')}: ${stderr}`);
  return stdout;
}

test('npx of the tarball runs the command', () => {
  const { version } = readManifest();
  assert.equal(npm('exec', '--yes', `--package=${tarball}`, '--', 'chirpline', '--version').trim(), version);
});

test('without a compiler and pip, data is simulated, preprocessed and inspected', () => {
  assert.match(
    runWell('simulate', 'raw', '--samples', '48', '--seed', '1', '--snr-median', '15'),
    /^48 samples/,
  );
  assert.match(runWell('preprocess', 'raw', 'records'), /^48 records in 1 shard/);
  assert.match(runWell('inspect', 'records/train-00000-of-00001.tfrecord'), /48/);
  assert.match(runWell('estimate', 'raw'), /cost/);
});

test('doctor names what is missing, each with the command that brings it', () => {
  const { status, stdout } = run('doctor');
  assert.equal(status, 3);
  assert.match(stdout, /^ok +signal path +native code/m);
  assert.match(stdout, /^missing +g\+\+.*\n +Install it \(Debian, Ubuntu: apt-get install g\+\+/m);
  assert.match(stdout, /^missing +Python with pip +python3 has no pip.*\n.*apt-get install python3-pip/m);
});

test('training names the first thing that is missing', () => {
  const { status, stderr } = run('train', 'records', 'models');
  assert.equal(status, 3);
  assert.match(stderr, /python3 has no pip, .*apt-get install python3-pip/);
});

test('an addon that does not fit the machine is replaced, with the same records', () => {
  const bytes = readFileSync(NATIVE);
  const wrong = Buffer.from(bytes);
  // e_machine of ELF: ARM.
  wrong.writeUInt16LE(183, 18);
  try {
    writeFileSync(NATIVE, wrong);
    assert.match(run('doctor').stdout, /^ok +signal path +WebAssembly.*: it can't be loaded: /m);
    runWell('preprocess', 'raw', 'portable', '--psd', 'records/avg_psd.npz');
  } finally {
    writeFileSync(NATIVE, bytes);
  }
  const shard = (name: string) => readFileSync(place(`work/${name}/train-00000-of-00001.tfrecord`));
  assert.ok(shard('records').equals(shard('portable')));
});

test('with TensorFlow and its addon on the machine, models are trained, used and exported, without a network', async () => {
  const { addon, library } = await prepareTensorFlow({ device: 'cpu', log: console.error });
  // The cache is the user's: the addon is copied into it.
  const cached = await addonName();
  mkdirSync(place(`work/cache/${cached}`), { recursive: true });
  copyFileSync(addon, place(`work/cache/${cached}/${basename(addon)}`));
  folders['/opt/site'] = dirname(library.folder);
  env = { CHIRPLINE_CACHE: '/place/cache', CHIRPLINE_TENSORFLOW: '/opt/site/tensorflow' };
  const train = ['train', 'records', 'models', '--epochs', '1', '--batch-size', '16'];
  assert.match(runWell(...train), /report\.html/);
  const saved = readdirSync(place('work/models/saved'));
  const weights = `models/saved/${saved.find((name) => name.endsWith('_weights.npz'))}`;
  assert.match(runWell('predict', weights, 'raw', '--out', 'out.csv'), /^48 predictions/);
  assert.match(runWell('evaluate', weights, 'records', 'evaluation'), /^48 records/);
  assert.match(runWell('export', weights, '--format', 'onnx', '--out', 'model.onnx'), /^exported/);
});
