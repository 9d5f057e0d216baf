import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { MachineError } from '../../src/core/errors.ts';
import { chooseLibrary } from '../../src/tensorflow/install/choose.ts';
import { findPythonLibrary, readLibrary } from '../../src/tensorflow/install/library.ts';
import { findNvidiaDriver, isUsable, seesGpu } from '../../src/tensorflow/install/nvidia.ts';
import { pinFor } from '../../src/tensorflow/install/pins.ts';
import { scratch } from '../support/fixtures.ts';
import { PATH_WITH_TENSORFLOW, plainEnvironment, writeProgram } from './process.ts';

/** A site-packages folder with a TensorFlow whose libraries are empty files; returns its folder tensorflow. */
function writePackage(t: TestContext, distribution: string, cuda = false): string {
  const folder = join(scratch(t), 'tensorflow');
  mkdirSync(join(folder, 'python', 'platform'), { recursive: true });
  mkdirSync(join(folder, '..', `${distribution}.dist-info`));
  for (const name of ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'])
    writeFileSync(join(folder, name), '');
  // Importing it would fail, so finding it shows that it wasn't imported.
  writeFileSync(join(folder, '__init__.py'), 'raise SystemExit("imported")');
  const info = `build_info = collections.OrderedDict([('is_cuda_build', ${cuda ? 'True' : 'False'})])`;
  writeFileSync(join(folder, 'python', 'platform', 'build_info.py'), info);
  return folder;
}

const reasonOf = async (folder: string) => {
  const found = await readLibrary(folder, 'test');
  return 'reason' in found ? found.reason : undefined;
};

test('a TensorFlow is recognized by its libraries, its metadata and its build information', async (t) => {
  const cpu = writePackage(t, 'tensorflow_cpu-2.18.1');
  assert.deepEqual(await readLibrary(cpu, 'test'), {
    library: { folder: cpu, version: '2.18.1', cuda: false, origin: 'test' },
  });
  const gpu = writePackage(t, 'tensorflow-2.21.0', true);
  assert.deepEqual(await readLibrary(gpu, 'test'), {
    library: { folder: gpu, version: '2.21.0', cuda: true, origin: 'test' },
  });
});

test('untested versions are skipped with the reason', async (t) => {
  assert.match(
    (await reasonOf(writePackage(t, 'tensorflow-2.17.0'))) ?? '',
    /2\.17\.0 is not supported; 2\.18/,
  );
  assert.match((await reasonOf(writePackage(t, 'tensorflow-3.0.0'))) ?? '', /3\.0\.0 is not supported/);
  assert.match((await reasonOf(scratch(t))) ?? '', /holds no libtensorflow_cc\.so\.2/);
});

test("python3's TensorFlow is found without importing it", async (t) => {
  const folder = writePackage(t, 'tensorflow-2.20.0');
  const found = await findPythonLibrary(
    plainEnvironment({ PATH: PATH_WITH_TENSORFLOW, PYTHONPATH: dirname(folder) }),
  );
  assert.deepEqual(found, {
    library: { folder, version: '2.20.0', cuda: false, origin: "python3's TensorFlow" },
  });
});

test('a python3 that is missing, fails or has no TensorFlow gives the reason', async (t) => {
  const find = (PATH: string) => findPythonLibrary({ PATH });
  assert.deepEqual(await find(scratch(t)), { reason: 'python3 was not found' });
  const failing = writeProgram(scratch(t), 'python3', 'echo no module encodings >&2; exit 1');
  assert.deepEqual(await find(failing), { reason: 'python3 failed with status 1: no module encodings' });
  const without = writeProgram(scratch(t), 'python3', 'echo a greeting; echo');
  assert.deepEqual(await find(without), { reason: 'python3 has no TensorFlow' });
});

test('a setting that names no TensorFlow is a MachineError, not a reason to look elsewhere', async (t) => {
  await assert.rejects(
    chooseLibrary('auto', scratch(t), { CHIRPLINE_TENSORFLOW: '/nowhere' }),
    (error) =>
      error instanceof MachineError && /CHIRPLINE_TENSORFLOW: .*nowhere holds no/.test(error.message),
  );
});

test('the setting comes before python3, and must have CUDA for device gpu', async (t) => {
  const folder = writePackage(t, 'tensorflow-2.19.1');
  const env = plainEnvironment({ PATH: PATH_WITH_TENSORFLOW, CHIRPLINE_TENSORFLOW: folder });
  const choice = await chooseLibrary('auto', scratch(t), env);
  assert.equal('library' in choice && choice.library.folder, folder);
  await assert.rejects(chooseLibrary('gpu', scratch(t), env), /built without CUDA/);
});

test("for device gpu a python3's TensorFlow without CUDA is skipped, and the wheel with CUDA is chosen", async (t) => {
  const env = plainEnvironment({ PATH: PATH_WITH_TENSORFLOW });
  const choice = await chooseLibrary('gpu', scratch(t), env);
  assert.ok('pin' in choice);
  assert.equal(choice.pin.cuda, true);
  assert.match(choice.passedOver, /built without CUDA/);
});

test('wheels are pinned for Linux on two architectures, and elsewhere the message says what works', () => {
  assert.match(pinFor('linux', 'x64', false).requirement, /^tensorflow-cpu==/);
  assert.match(pinFor('linux', 'arm64', false).requirement, /^tensorflow==/);
  assert.throws(
    () => pinFor('darwin', 'arm64', false),
    /darwin arm64.*simulate, preprocess and inspect work/,
  );
  assert.throws(() => pinFor('linux', 'arm64', true), /no wheel with CUDA for arm64/);
});

test('a GPU is found when the NVIDIA library and device exist and it is not hidden', (t) => {
  const root = scratch(t);
  assert.equal(isUsable(findNvidiaDriver({}, root)), false);
  mkdirSync(join(root, 'opt'));
  writeFileSync(join(root, 'opt', 'libcuda.so.1'), '');
  const env = { LD_LIBRARY_PATH: '/nowhere:/opt' };
  assert.equal(isUsable(findNvidiaDriver(env, root)), false);
  mkdirSync(join(root, 'dev'));
  writeFileSync(join(root, 'dev', 'nvidiactl'), '');
  assert.equal(isUsable(findNvidiaDriver(env, root)), true);
  assert.equal(seesGpu(env, root), true);
  assert.equal(seesGpu({ ...env, CUDA_VISIBLE_DEVICES: '-1' }, root), false);
  mkdirSync(join(root, 'proc', 'driver', 'nvidia'), { recursive: true });
  const description =
    'NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024\n';
  writeFileSync(join(root, 'proc', 'driver', 'nvidia', 'version'), description);
  assert.equal(findNvidiaDriver(env, root).version, '550.54.15');
});
