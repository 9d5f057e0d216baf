/** Python doesn't run in the user's current folder, which may hold downloaded data. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { chirplineIn } from '../support/command.ts';
import { folderForTests, scratch } from '../support/fixtures.ts';
import { PYTHON } from '../support/python.ts';
import { PATH_WITH_TENSORFLOW, plainEnvironment, runNode } from './process.ts';

const { folder: evil, remove } = folderForTests();
test.after(remove);
const MARK = join(evil, 'executed');

/** Modules that `python3 -m pip` and `python3 -c` import when they start, and others that they might import. */
const MODULES = ['pip', 'importlib', 'tensorflow', 'encodings', 'site', 'sitecustomize', 'usercustomize'];
const OTHERS = ['runpy', 're', 'os', 'json'];

test.before(() => {
  for (const name of [...MODULES, ...OTHERS]) {
    const code = `open(${JSON.stringify(MARK)}, 'a').write(__file__ + chr(10))\n`;
    mkdirSync(join(evil, name));
    for (const file of ['__init__', '__main__', 'util']) writeFileSync(join(evil, name, `${file}.py`), code);
  }
});

/** No path, relative ones, and the empty entry that `PYTHONPATH=$PYTHONPATH:/x` creates. */
const PATHS = [undefined, '', ':', '.', `:${dirname(PYTHON)}`, `${dirname(PYTHON)}:`];

function assertNothingRan(what: string): void {
  const ran = existsSync(MARK) ? readFileSync(MARK, 'utf8') : '';
  rmSync(MARK, { force: true });
  assert.equal(ran, '', what);
}

test('a module in the folder does run when Python runs in that folder', async () => {
  const { runCommand } = await import('../../src/tensorflow/install/command.ts');
  const source = `import os, sys; os.chdir(${JSON.stringify(evil)}); os.execvp('python3', ['python3', '-m', 'pip'])`;
  await runCommand('python3', ['-c', source], plainEnvironment({ PATH: PATH_WITH_TENSORFLOW }));
  assert.ok(existsSync(MARK));
  rmSync(MARK);
});

test('doctor runs nothing from the current folder', (t) => {
  for (const path of PATHS) {
    const env = plainEnvironment({
      PATH: PATH_WITH_TENSORFLOW,
      CHIRPLINE_CACHE: scratch(t),
      PYTHONPATH: path,
    });
    const { stdout } = chirplineIn({ cwd: evil, env }, 'doctor');
    assert.match(stdout, /^ok +Python with pip +pip \d/m, path);
    assert.match(stdout, /^ok +TensorFlow +2\.\d+\.\d+ for the CPU, python3's TensorFlow/m, path);
    assertNothingRan(`PYTHONPATH=${path}`);
  }
});

test('finding and downloading TensorFlow runs nothing from the current folder', async (t) => {
  const cache = scratch(t);
  const source = `
    process.chdir(${JSON.stringify(evil)});
    const { findPythonLibrary } = await import('#/tensorflow/install/library.ts');
    const { downloadWheels } = await import('#/tensorflow/install/pip.ts');
    const found = await findPythonLibrary(process.env);
    console.log('library' in found ? found.library.origin : found.reason);
    await downloadWheels(['chirpline-no-such==1'], [], 'download', () => {}, process.env).catch((error) => console.log(error.message));
  `;
  for (const path of PATHS) {
    const env = plainEnvironment({
      PATH: PATH_WITH_TENSORFLOW,
      CHIRPLINE_CACHE: cache,
      PYTHONPATH: path,
      PIP_NO_INDEX: '1',
    });
    const { stdout, stderr } = await runNode(source, env);
    assert.match(stdout, /^python3's TensorFlow$/m, stderr);
    assert.match(stdout, /pip could not download chirpline-no-such==1/, stderr);
    assertNothingRan(`PYTHONPATH=${path}`);
    assert.ok(existsSync(join(evil, 'download', 'pip')));
    rmSync(join(evil, 'download'), { recursive: true });
  }
});
