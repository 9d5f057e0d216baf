import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { PINNED_VERSION, pinFor } from '../../src/tensorflow/install/pins.ts';
import { installWheel } from '../../src/tensorflow/install/wheel.ts';
import { scratch } from '../support/fixtures.ts';
import { runPython, sitePackages } from '../support/python.ts';
import { PATH_WITH_TENSORFLOW, plainEnvironment, runNode, writeProgram } from './process.ts';

/** One cache for the tests of this file: the first builds the addon, the others use it. */
const cache = mkdtempSync(join(tmpdir(), 'chirpline-'));
after(() => rmSync(cache, { recursive: true, force: true }));

const environment = (extra: NodeJS.ProcessEnv = {}) =>
  plainEnvironment({ PATH: PATH_WITH_TENSORFLOW, CHIRPLINE_CACHE: cache, ...extra });

/** Loads TensorFlow, computes a matrix product and a gradient, and prints them as JSON. */
const COMPUTE = (options: string) => `
  import { describeTensorFlow, loadTensorFlow } from '#/tensorflow/install/load.ts';
  const tf = await loadTensorFlow(${options});
  const product = tf.matMul(tf.tensor2d([[1, 2], [3, 4]]), tf.tensor2d([[5], [6]]));
  const gradient = tf.grad((x) => x.square().sum())(tf.tensor1d([1, -2]));
  console.log(JSON.stringify({
    ...describeTensorFlow(tf),
    product: [...await product.data()],
    gradient: [...await gradient.data()],
    same: tf === await loadTensorFlow(${options}),
  }));`;

const ANSWER = {
  version: runPython("from importlib.metadata import version; print(version('tensorflow-cpu'))").trim(),
  device: 'cpu',
  product: [17, 39],
  gradient: [2, -4],
  same: true,
};

test('two processes build the addon at once in an empty cache, and both compute with it, silently', async () => {
  const runs = await Promise.all([runNode(COMPUTE(''), environment()), runNode(COMPUTE(''), environment())]);
  for (const run of runs) {
    assert.equal(run.stderr, '');
    assert.deepEqual(JSON.parse(run.stdout), ANSWER);
  }
  const kinds = readdirSync(cache).map((name) => name.replace(/-.*/, ''));
  assert.deepEqual(kinds.sort(), ['addon', 'runtime', 'tmp']);
  assert.deepEqual(readdirSync(join(cache, 'tmp')), []);
});

test('the second time neither compiler nor Python is needed, and nothing is printed', async (t) => {
  const tensorflow = runPython(
    "import importlib.util as u; print(u.find_spec('tensorflow').submodule_search_locations[0])",
  );
  const env = environment({ PATH: scratch(t), CHIRPLINE_TENSORFLOW: tensorflow.trim() });
  const run = await runNode(COMPUTE('{ log: console.log }'), env);
  assert.equal(run.stderr, '');
  assert.deepEqual(JSON.parse(run.stdout), ANSWER);
});

test("TensorFlow's own log is printed on request", async () => {
  const run = await runNode(COMPUTE('{ verbose: true }'), environment());
  assert.match(run.stderr, /TensorFlow binary is optimized|oneDNN/);
  assert.deepEqual(JSON.parse(run.stdout), ANSWER);
});

test('device gpu without a GPU is refused, and so is another device once TensorFlow is loaded', async () => {
  const source = `
    import { loadTensorFlow } from '#/tensorflow/install/load.ts';
    const attempt = (device) => loadTensorFlow({ device }).then(() => 'loaded', (error) => error.name + ': ' + error.message);
    console.log(JSON.stringify([await attempt('gpu'), await attempt('cpu'), await attempt('auto')]));`;
  const env = environment({ CHIRPLINE_TENSORFLOW: join(sitePackages(), 'tensorflow') });
  const run = await runNode(source, env);
  assert.equal(run.stderr, '');
  const [gpu, cpu, auto] = JSON.parse(run.stdout);
  assert.match(gpu, /^MachineError: .*built without CUDA/);
  assert.equal(cpu, 'loaded');
  assert.match(auto, /^SettingError: TensorFlow is loaded for device cpu/);
});

test('the pinned wheel is the one in the package index, and it computes', async (t) => {
  const pin = pinFor(process.platform, process.arch, false);
  const folder = await installWheel(scratch(t), pin, () => {}, environment());
  const run = await runNode(COMPUTE(''), environment({ CHIRPLINE_TENSORFLOW: folder }));
  assert.equal(run.stderr, '');
  assert.deepEqual(JSON.parse(run.stdout), { ...ANSWER, version: PINNED_VERSION });
});

/** Loads TensorFlow with a given cache, in which the addon isn't built, and a given PATH; returns the printed error. */
async function failToBuild(cacheFolder: string, PATH: string): Promise<string> {
  const source = `
    import { loadTensorFlow } from '#/tensorflow/install/load.ts';
    await loadTensorFlow().catch((error) => console.log(error.name + ': ' + error.message));`;
  const CHIRPLINE_TENSORFLOW = join(sitePackages(), 'tensorflow');
  const run = await runNode(
    source,
    environment({ PATH, CHIRPLINE_CACHE: cacheFolder, CHIRPLINE_TENSORFLOW }),
  );
  assert.equal(run.stderr, '');
  assert.deepEqual(readdirSync(join(cacheFolder, 'tmp')), []);
  return run.stdout;
}

test('without g++ the message says what to install and what works without it', async (t) => {
  const said = await failToBuild(scratch(t), scratch(t));
  assert.match(
    said,
    /^MachineError: g\+\+ was not found.*apt-get install g\+\+.*simulate, preprocess and inspect work/,
  );
});

test('the error output of g++ is part of the message', async (t) => {
  const bin = writeProgram(scratch(t), 'g++', 'echo "fatal error: no such header" >&2; exit 1');
  assert.match(
    await failToBuild(scratch(t), bin),
    /^MachineError: g\+\+ could not build.*fatal error: no such header/s,
  );
});
