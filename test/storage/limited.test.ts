/** Sizes of a user's files are limited before they are read and unpacked. */
import assert from 'node:assert/strict';
import { closeSync, ftruncateSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { InputError, NotFoundError } from '../../src/core/errors.ts';
import { encodeWeights, readModel } from '../../src/inference/model-file.ts';
import { PRESETS } from '../../src/model/presets.ts';
import { initialWeights, WEIGHTS_LIMIT } from '../../src/model/weights.ts';
import { encodeNpy } from '../../src/numpy/npy.ts';
import { readLimited } from '../../src/storage/limited.ts';
import { folderForTests } from '../support/fixtures.ts';
import { createMemoryStore } from '../support/memory-store.ts';
import { packZip } from '../support/zip.ts';
import { runNode } from '../tensorflow/process.ts';

const { folder, remove } = folderForTests();
after(remove);
/** Growth of the peak memory [MB]. Most of it is Node's own. */
const MEMORY = 60;

before(() => {
  // Larger than the limit on memory. Sparse, so they take no disk space.
  for (const name of ['config.yaml', 'prices.json', 'big_weights.npz', 'run_recipe.json']) {
    const file = openSync(join(folder, name), 'w');
    ftruncateSync(file, 300e6);
    closeSync(file);
  }
  const zeros = encodeNpy({ dtype: '<f4', shape: [62e6], data: new Float32Array(62e6) });
  writeFileSync(
    join(folder, 'bomb_weights.npz'),
    packZip([{ name: 'conv0_W.npy', content: zeros, deflate: true }]),
  );
});

test('a file that is too large is read only up to the limit', async () => {
  const store = createMemoryStore();
  await store.write('file', new Uint8Array(10));
  assert.equal((await readLimited(store, 'file', 10)).length, 10);
  await assert.rejects(readLimited(store, 'file', 9), {
    name: 'InputError',
    message: 'memory:file: found more than 9 bytes, needed at most 9',
  });
  await assert.rejects(readLimited(store, 'none', 9), NotFoundError);
});

test('weights of every preset are read, and float64 weights are refused', async () => {
  const store = createMemoryStore();
  for (const preset of PRESETS) {
    const weights = initialWeights(preset, 1);
    await store.write('x_weights.npz', await encodeWeights(weights));
    assert.equal((await readModel(store, 'x_weights.npz')).preset, preset);
    const members = [...weights].map(([name, { shape, data }]) => ({
      name: `${name}.npy`,
      content: encodeNpy({ dtype: '<f8', shape, data: Float64Array.from(data) }),
    }));
    await store.write('x_weights.npz', packZip(members));
    await assert.rejects(readModel(store, 'x_weights.npz'), /found Float64Array .*, needed float32/);
  }
});

test('weights larger than those of the largest model are refused before they are read or unpacked', async () => {
  const store = createMemoryStore();
  await store.write('x_weights.npz', new Uint8Array(WEIGHTS_LIMIT + 1));
  await assert.rejects(readModel(store, 'x_weights.npz'), /found more than \d+ bytes, needed at most \d+$/);
  const count = Math.ceil(WEIGHTS_LIMIT / 4);
  const zeros = encodeNpy({ dtype: '<f4', shape: [count], data: new Float32Array(count) });
  const bomb = packZip([{ name: 'conv0_W.npy', content: zeros, deflate: true }]);
  assert.ok(bomb.length < zeros.length / 500);
  await store.write('x_weights.npz', bomb);
  await assert.rejects(readModel(store, 'x_weights.npz'), (error) => {
    assert.ok(error instanceof InputError);
    assert.equal(error.fields.found, `${zeros.length} bytes unpacked`);
    return true;
  });
});

const READS: Readonly<Record<string, string>> = {
  'a config file': `const { readSettings } = await import('#/options/train-flags.ts');
    work = () => readSettings({ config: folder + '/config.yaml' });`,
  'weights that are too large': `const { readModel } = await import('#/inference/model-file.ts');
    work = () => readModel(store, 'big_weights.npz');`,
  'weights that unpack to too much': `const { readModel } = await import('#/inference/model-file.ts');
    work = () => readModel(store, 'bomb_weights.npz');`,
  "a model's recipe": `const { readPreprocessing } = await import('#/inference/model-recipe.ts');
    work = () => readPreprocessing(store, 'run_weights.npz');`,
};

for (const [what, source] of Object.entries(READS)) {
  test(`${what}: a file that is too large is refused without using much memory`, async () => {
    const program = `
      const { createFileStore } = await import('#/storage/file/file-store.ts');
      const folder = ${JSON.stringify(folder)};
      const store = createFileStore(folder);
      let work;
      ${source}
      const before = process.resourceUsage().maxRSS;
      const name = await work().then(() => 'no error', (error) => error.name);
      console.log(name, Math.round((process.resourceUsage().maxRSS - before) / 1024));
    `;
    const { stdout, stderr } = await runNode(program, process.env);
    const [name, megabytes] = stdout.trim().split(' ');
    assert.equal(name, 'InputError', stderr);
    assert.ok(Number(megabytes) < MEMORY, `${megabytes} MB`);
  });
}

test('the size of a prices file is limited', async () => {
  const { chirpline } = await import('../support/command.ts');
  const { status, stderr } = chirpline(
    'estimate',
    '--samples',
    '1',
    '--rate',
    '1',
    '--prices',
    join(folder, 'prices.json'),
  );
  assert.equal(status, 1);
  assert.match(stderr, /prices\.json: found more than 65536 bytes, needed at most 65536\n$/);
});
