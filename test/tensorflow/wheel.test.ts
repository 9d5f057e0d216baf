import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import yazl from 'yazl';
import { MachineError } from '../../src/core/errors.ts';
import type { Pin } from '../../src/tensorflow/install/pins.ts';
import { downloadWheels } from '../../src/tensorflow/install/pip.ts';
import { unpack } from '../../src/tensorflow/install/unpack.ts';
import { cudaRequirements, installWheel, wheelName } from '../../src/tensorflow/install/wheel.ts';
import { scratch } from '../support/fixtures.ts';
import { runNode, writeProgram } from './process.ts';

const METADATA = `Name: tensorflow_cpu
Requires-Dist: numpy>=1.26.0
Requires-Dist: nvidia-cublas-cu12<13.0,>=12.5.3.2; extra == "and-cuda"
Requires-Dist: nvidia-cudnn-cu12<10.0,>=9.3.0.75; extra == "and-cuda"
Requires-Dist: tensorflow-io-gcs-filesystem>=0.23.1; extra == "gcs-filesystem"
`;

/** A wheel of small files, written to `folder`. */
async function writeWheel(
  folder: string,
  files: Record<string, string>,
): Promise<{ path: string; sha256: string }> {
  const zip = new yazl.ZipFile();
  for (const [name, content] of Object.entries(files)) {
    const mode = name.includes('/bin/') ? 0o100755 : 0o100644;
    zip.addBuffer(Buffer.from(content), name, { mode, mtime: new Date(0) });
  }
  zip.end();
  const bytes = await buffer(zip.outputStream);
  const path = join(folder, 'fake.whl');
  writeFileSync(path, bytes);
  return { path, sha256: createHash('sha256').update(bytes).digest('hex') };
}

const FILES = {
  'tensorflow/libtensorflow_cc.so.2': 'cc',
  'tensorflow/libtensorflow_framework.so.2': 'framework',
  'tensorflow/include/tensorflow/c/c_api.h': '// c',
  'tensorflow/include/external/eigen/Eigen/Core': 'not needed',
  'tensorflow/python/keras.py': 'not needed',
  'tensorflow_cpu-9.9.9.dist-info/METADATA': METADATA,
};

const pinOf = (sha256: string): Pin => ({
  requirement: 'tensorflow-cpu==9.9.9',
  sha256,
  platforms: ['manylinux_2_17_x86_64'],
  download: 1000,
  unpacked: 1000,
  cuda: false,
});

/** A PATH whose python3 "downloads" by copying a file to the folder after --dest. */
const copyingPython = (folder: string, wheel: string) =>
  writeProgram(
    folder,
    'python3',
    `while [ $# -gt 0 ]; do if [ "$1" = --dest ]; then dest=$2; fi; shift; done
/bin/mkdir -p "$dest" && /bin/cp '${wheel}' "$dest/"`,
  );

const ignore = () => {};

test('the libraries, C headers and metadata of a wheel are kept, and no temporary file', async (t) => {
  const folder = scratch(t);
  const wheel = await writeWheel(folder, FILES);
  const cache = join(folder, 'cache');
  const lines: string[] = [];
  const pin = pinOf(wheel.sha256);
  const PATH = copyingPython(folder, wheel.path);
  const tensorflow = await installWheel(cache, pin, (line) => lines.push(line), { PATH });
  assert.equal(tensorflow, join(cache, wheelName(pin), 'tensorflow'));
  const names = readdirSync(join(cache, wheelName(pin)), { recursive: true });
  const files = names.map(String).filter((name) => statSync(join(cache, wheelName(pin), name)).isFile());
  assert.deepEqual(
    files.sort(),
    Object.keys(FILES)
      .filter((name) => !/eigen|keras/.test(name))
      .sort(),
  );
  assert.equal(readFileSync(join(tensorflow, 'libtensorflow_cc.so.2'), 'utf8'), 'cc');
  assert.deepEqual(readdirSync(join(cache, 'tmp')), []);
  assert.match(lines[0] ?? '', /downloading tensorflow-cpu==9\.9\.9 for the CPU/);
});

test('a wheel with another hash is refused with both hashes in the error, and nothing of it is kept', async (t) => {
  const folder = scratch(t);
  const wheel = await writeWheel(folder, FILES);
  const cache = join(folder, 'cache');
  const expected = 'ab'.repeat(32);
  await assert.rejects(
    installWheel(cache, pinOf(expected), ignore, { PATH: copyingPython(folder, wheel.path) }),
    (error) =>
      error instanceof MachineError &&
      error.message.includes(wheel.sha256) &&
      error.message.includes(expected),
  );
  assert.deepEqual(readdirSync(cache), ['tmp']);
  assert.deepEqual(readdirSync(join(cache, 'tmp')), []);
});

test("settings of pip for installing into the user's environments don't stop a download", async (t) => {
  const folder = scratch(t);
  const wheel = await writeWheel(folder, {
    'fake-1.0.dist-info/METADATA': 'Metadata-Version: 2.1\nName: fake\nVersion: 1.0\n',
    'fake-1.0.dist-info/WHEEL': 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
    'fake-1.0.dist-info/RECORD': '',
  });
  const index = join(folder, 'index');
  mkdirSync(index);
  renameSync(wheel.path, join(index, 'fake-1.0-py3-none-any.whl'));
  writeFileSync(join(folder, 'constraints.txt'), 'fake==2.0\n');
  const settings = {
    require_virtualenv: 'true',
    require_hashes: 'true',
    constraint: join(folder, 'constraints.txt'),
  };
  writeFileSync(
    join(folder, 'pip.conf'),
    `[global]\n${Object.entries(settings)
      .map(([name, value]) => `${name.replace('_', '-')} = ${value}\n`)
      .join('')}`,
  );
  const { PIP_CONFIG_FILE: _, ...rest } = process.env;
  const base = { ...rest, PIP_NO_INDEX: '1', PIP_FIND_LINKS: index };
  const asVariables = Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [`PIP_${name.toUpperCase()}`, value]),
  );
  for (const [index, env] of [asVariables, { PIP_CONFIG_FILE: join(folder, 'pip.conf') }].entries()) {
    const into = join(folder, `download${index}`);
    const wheels = await downloadWheels(['fake==1.0'], ['any'], into, ignore, { ...base, ...env });
    assert.deepEqual(wheels, [join(into, 'wheels', 'fake-1.0-py3-none-any.whl')]);
  }
});

test('two processes that install the same wheel at once both succeed', async (t) => {
  const folder = scratch(t);
  const wheel = await writeWheel(folder, FILES);
  const cache = join(folder, 'cache');
  const PATH = copyingPython(folder, wheel.path);
  const pin = pinOf(wheel.sha256);
  const source = `import { installWheel } from '#/tensorflow/install/wheel.ts';
    console.log(await installWheel('${cache}', ${JSON.stringify(pin)}, () => {}, { PATH: '${PATH}' }));`;
  const runs = await Promise.all([runNode(source, process.env), runNode(source, process.env)]);
  const expected = { status: 0, stdout: `${join(cache, wheelName(pin), 'tensorflow')}\n`, stderr: '' };
  assert.deepEqual(runs, [expected, expected]);
  assert.deepEqual(readdirSync(cache).sort(), [wheelName(pin), 'tmp'].sort());
  assert.deepEqual(readdirSync(join(cache, 'tmp')), []);
});

test('an error of the download names what is missing, what to install, and what works without it', async (t) => {
  const install = (PATH: string, pin = pinOf('')) => installWheel(scratch(t), pin, ignore, { PATH });
  const says = (pattern: RegExp) => (error: unknown) =>
    error instanceof MachineError && pattern.test(error.message);
  await assert.rejects(
    install(scratch(t)),
    says(/python3 was not found.*python3-pip.*simulate, preprocess/s),
  );
  const noPip = writeProgram(
    scratch(t),
    'python3',
    'echo "/usr/bin/python3: No module named pip" >&2; exit 1',
  );
  await assert.rejects(install(noPip), says(/python3 has no pip.*python3-pip.*simulate, preprocess/s));
  const offline = writeProgram(scratch(t), 'python3', 'echo "ERROR: Could not find a version" >&2; exit 1');
  await assert.rejects(install(offline), says(/Could not find a version.*network.*CHIRPLINE_TENSORFLOW/s));
  const huge = { ...pinOf(''), unpacked: 1e18 };
  await assert.rejects(install(offline, huge), says(/are free, but TensorFlow needs/));
});

test('the CUDA wheels that the metadata names are unpacked beside TensorFlow, with executable programs', async (t) => {
  const folder = scratch(t);
  const wheel = await writeWheel(folder, {
    ...FILES,
    'nvidia/cuda_nvcc/bin/ptxas': 'program',
    'nvidia/cublas/lib/libcublas.so.12': 'library',
    'nvidia/cublas/include/cublas.h': 'not needed',
  });
  const PATH = copyingPython(folder, wheel.path);
  const pin = { ...pinOf(wheel.sha256), cuda: true };
  const lines: string[] = [];
  const tensorflow = await installWheel(join(folder, 'cache'), pin, (line) => lines.push(line), { PATH });
  const nvidia = join(tensorflow, '..', 'nvidia');
  assert.equal(statSync(join(nvidia, 'cuda_nvcc', 'bin', 'ptxas')).mode & 0o111, 0o111);
  assert.equal(readFileSync(join(nvidia, 'cublas', 'lib', 'libcublas.so.12'), 'utf8'), 'library');
  assert.equal(existsSync(join(nvidia, 'cublas', 'include')), false);
  const requirements = ['nvidia-cublas-cu12<13.0,>=12.5.3.2', 'nvidia-cudnn-cu12<10.0,>=9.3.0.75'];
  assert.deepEqual(await cudaRequirements(join(tensorflow, '..')), requirements);
  assert.ok(lines.some((line) => requirements.every((requirement) => line.includes(requirement))));
});

test('a wheel whose member leads out of the folder is refused', async (t) => {
  const folder = scratch(t);
  const { path } = await writeWheel(folder, { 'aa/tensorflow/evil': 'evil' });
  // The same length, so the offsets in the archive stay valid.
  writeFileSync(path, Buffer.from(readFileSync(path, 'latin1').replaceAll('aa/', '../'), 'latin1'));
  await assert.rejects(
    unpack(path, join(folder, 'out'), () => true),
    /invalid relative path/,
  );
  assert.equal(existsSync(join(folder, 'tensorflow')), false);
});
