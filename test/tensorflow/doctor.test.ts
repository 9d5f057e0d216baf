import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Finding } from '../../src/core/finding.ts';
import { ADDON, addonName } from '../../src/tensorflow/install/addon.ts';
import { examineNode, examineTensorFlow } from '../../src/tensorflow/install/diagnosis.ts';
import { scratch } from '../support/fixtures.ts';
import { PATH_WITH_TENSORFLOW, plainEnvironment, writeProgram } from './process.ts';

/** Of a container that runs as a user without a name. */
const noUser = () => {
  throw Object.assign(new Error('A system error occurred: uv_os_get_passwd'), { code: 'ERR_SYSTEM_ERROR' });
};

const byName = (findings: Finding[]) =>
  Object.fromEntries(findings.map((finding) => [finding.name, finding]));

test('on a complete machine every finding is ok, and nothing is written', async (t) => {
  const cache = join(scratch(t), 'cache');
  const found = byName(
    await examineTensorFlow(plainEnvironment({ PATH: PATH_WITH_TENSORFLOW, CHIRPLINE_CACHE: cache })),
  );
  const names = ['Node.js', 'g++', 'Python with pip', 'TensorFlow', 'addon', 'NVIDIA GPU', 'XLA', 'cache'];
  assert.deepEqual(Object.keys(found), names);
  for (const name of names.filter((name) => name !== 'NVIDIA GPU'))
    assert.equal(found[name]?.status, 'ok', name);
  assert.match(found.TensorFlow?.detail ?? '', /^2\.\d+\.\d+ for the CPU, python3's TensorFlow/);
  assert.match(found.addon?.detail ?? '', /not built yet/);
  assert.match(found.cache?.detail ?? '', /GB free/);
  assert.equal(existsSync(cache), false);
});

test('on an empty machine each missing requirement comes with advice', async (t) => {
  const cache = scratch(t);
  const found = byName(await examineTensorFlow({ PATH: scratch(t), CHIRPLINE_CACHE: cache }));
  assert.equal(found['g++']?.status, 'missing');
  assert.match(found['g++']?.advice ?? '', /apt-get install g\+\+/);
  assert.equal(found['Python with pip']?.status, 'missing');
  assert.match(found['Python with pip']?.advice ?? '', /python3-pip/);
  assert.equal(found.TensorFlow?.status, 'warn');
  assert.match(found.TensorFlow?.detail ?? '', /python3 was not found/);
  assert.match(found.TensorFlow?.advice ?? '', /downloads tensorflow.*==.* MB/);
  assert.deepEqual(readdirSync(cache), []);
});

test('a built addon is reported, and then the compiler is not needed', async (t) => {
  const cache = scratch(t);
  const folder = join(cache, await addonName());
  mkdirSync(folder);
  writeFileSync(join(folder, ADDON), '');
  const found = byName(await examineTensorFlow({ PATH: scratch(t), CHIRPLINE_CACHE: cache }));
  assert.equal(found.addon?.detail, join(folder, ADDON));
  assert.equal(found['g++']?.status, 'ok');
});

test('a cache that cannot be written has the status missing while something must be stored there', async (t) => {
  const file = join(scratch(t), 'file');
  writeFileSync(file, '');
  const { cache } = byName(
    await examineTensorFlow(plainEnvironment({ CHIRPLINE_CACHE: join(file, 'cache') })),
  );
  assert.equal(cache?.status, 'missing');
  assert.match(cache?.detail ?? '', /can't be written/);
  assert.match(cache?.advice ?? '', /CHIRPLINE_CACHE/);
});

test('without a home folder the cache is missing, and the other requirements are examined', async (t) => {
  const found = byName(await examineTensorFlow({ PATH: scratch(t) }, noUser));
  assert.deepEqual(Object.keys(found), ['Node.js', 'g++', 'Python with pip', 'cache']);
  assert.match(found.cache?.detail ?? '', /no home folder.*Set CHIRPLINE_CACHE/);
});

test('a wrong setting is reported with its error message', async (t) => {
  const env = plainEnvironment({ CHIRPLINE_TENSORFLOW: '/nowhere', CHIRPLINE_CACHE: scratch(t) });
  const found = byName(await examineTensorFlow(env));
  assert.equal(found.TensorFlow?.status, 'missing');
  assert.match(found.TensorFlow?.detail ?? '', /CHIRPLINE_TENSORFLOW: \/nowhere holds no/);
});

test('a python3 without pip is a problem only when TensorFlow must be downloaded', async (t) => {
  const PATH = writeProgram(scratch(t), 'python3', 'if [ "$1" = -m ]; then exit 1; fi; echo');
  const found = byName(await examineTensorFlow({ PATH, CHIRPLINE_CACHE: scratch(t) }));
  assert.equal(found['Python with pip']?.status, 'missing');
  assert.match(found['Python with pip']?.detail ?? '', /python3 has no pip/);
});

test('a Node.js that is too old has the status missing', () => {
  assert.equal(examineNode('20.10.0').status, 'missing');
  assert.equal(examineNode('20.11.0').status, 'ok');
  assert.equal(examineNode('26.10.0').status, 'ok');
});
