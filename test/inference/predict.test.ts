import assert from 'node:assert/strict';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ConflictError, InputError, SettingError } from '../../src/core/errors.ts';
import { SPECTRUM_LENGTH } from '../../src/core/strain.ts';
import { encodeWeights } from '../../src/inference/model-file.ts';
import { predictDataset } from '../../src/inference/prediction-run.ts';
import type { RowSettings } from '../../src/inference/submission.ts';
import type { Preset } from '../../src/model/presets.ts';
import { initialWeights } from '../../src/model/weights.ts';
import { writeNpz } from '../../src/numpy/npz.ts';
import { recipeHash } from '../../src/signal/recipe.ts';
import { createFileStore } from '../../src/storage/file/file-store.ts';
import type { FilePlace } from '../../src/storage/location.ts';
import { sigmoid } from '../../src/training/fit/logit.ts';
import { buildShard, makeSamples } from '../records/samples.ts';
import { writeDataset } from '../support/dataset.ts';

import { folderForTests, scratch } from '../support/fixtures.ts';
import { packZip } from '../support/zip.ts';

import { PATH_WITH_TENSORFLOW } from '../tensorflow/process.ts';
import { makeToyRecords, replaceShard, type ToySettings } from '../training/toy.ts';

// The test environment's TensorFlow, unless one is chosen.
process.env.PATH = PATH_WITH_TENSORFLOW;

const { folder, remove } = folderForTests();
const records = join(folder, 'records');
const raw = join(folder, 'raw');
after(remove);

/** The recipe of the toy records. */
const TOY = '0'.repeat(64);
const SETTINGS = { batchSize: 4, device: 'cpu' } as const;

async function writeModel(run: string, preset: Preset, recipe?: string, psd = 'a'): Promise<FilePlace> {
  const store = createFileStore(folder);
  // Initial weights, with a seed that depends on the name.
  const seed = [...run].reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), 0);
  await store.write(`${run}_weights.npz`, await encodeWeights(initialWeights(preset, seed)));
  if (recipe !== undefined) {
    const companion = { recipe_hash: recipe, psd_sha256: psd.repeat(64) };
    await store.write(`${run}_recipe.json`, Buffer.from(JSON.stringify(companion)));
  }
  return { folder, key: `${run}_weights.npz` };
}

before(async () => {
  const toy = await makeToyRecords({ count: 10 });
  const store = createFileStore(records);
  for await (const { key } of toy.list('')) await store.write(key, await toy.read(key));
  await writeDataset(createFileStore(raw), 6);
});

/** Asserts that the probabilities are the means of those of each model; all are given as logits. */
function assertMeans(together: readonly number[], ofEach: readonly (readonly number[])[]): void {
  const expected = together.map((_, i) =>
    ofEach.reduce((sum, logits) => sum + sigmoid(logits[i]!) / ofEach.length, 0),
  );
  const difference = (logits: readonly number[]) =>
    Math.max(...logits.map((logit, i) => Math.abs(sigmoid(logit) - expected[i]!)));
  assert.ok(difference(together) < 1e-7);
  // No single model's predictions equal the means.
  for (const logits of ofEach) assert.ok(difference(logits) > 1e-5);
}

test('several models predict their mean, whatever their presets', async () => {
  const models = [
    await writeModel('one', 'diy', TOY),
    await writeModel('two', 'coherent', TOY),
    // A model without a recipe file.
    await writeModel('three', 'diy'),
  ];
  const together = await predictDataset(models, records, SETTINGS);
  assert.equal(new Set(together.ids).size, 10);
  const ofEach = [];
  for (const model of models) {
    const { ids, logits } = await predictDataset([model], records, SETTINGS);
    assert.deepEqual(ids, together.ids);
    ofEach.push(logits);
  }
  assertMeans(together.logits, ofEach);
});

test('raw samples are read and preprocessed once for all models', async () => {
  const psd = new Float64Array(3 * SPECTRUM_LENGTH).fill(1e-46);
  const npz = await writeNpz({ avg_psd: { dtype: '<f8', shape: [3, SPECTRUM_LENGTH], data: psd } });
  writeFileSync(join(folder, 'rawtwo_avg_psd.npz'), npz);
  await createFileStore(raw).write('train/f/f/f/fff0000000.npy', Buffer.from('no array'));
  const models = [
    await writeModel('rawone', 'diy', recipeHash()),
    await writeModel('rawtwo', 'coherent', recipeHash()),
  ];
  // Only the second model has a PSD beside its weights.
  const together = await predictDataset(models, raw, SETTINGS);
  assert.equal(together.ids.length, 6);
  assert.deepEqual(
    together.rejected.map(({ id }) => id),
    ['fff0000000'],
  );
  const given = { ...SETTINGS, psd: { folder, key: 'rawtwo_avg_psd.npz' } };
  const ofEach = [];
  for (const model of models) ofEach.push((await predictDataset([model], raw, given)).logits);
  assertMeans(together.logits, ofEach);
});

test('raw files that are dangling links are among the rejected', async (t) => {
  const broken = scratch(t);
  for await (const { key } of createFileStore(raw).list('train/'))
    await createFileStore(broken).write(key, await createFileStore(raw).read(key));
  symlinkSync('/nowhere', join(broken, 'gone.npy'));
  const psd = new Float64Array(3 * SPECTRUM_LENGTH).fill(1e-46);
  const npz = await writeNpz({ avg_psd: { dtype: '<f8', shape: [3, SPECTRUM_LENGTH], data: psd } });
  writeFileSync(join(broken, 'psd.npz.given'), npz);
  const settings = { ...SETTINGS, psd: { folder: broken, key: 'psd.npz.given' } };
  const { ids, rejected } = await predictDataset(
    [await writeModel('raw', 'diy', recipeHash())],
    broken,
    settings,
  );
  assert.ok(ids.length > 0);
  assert.deepEqual(
    rejected.filter(({ file }) => file === 'gone.npy').map(({ reason }) => reason),
    ['found a link that points to no file, needed a file'],
  );
});

test('models with different preprocessing are not averaged', async () => {
  const first = await writeModel('first', 'diy', TOY);
  const refusal = async (models: FilePlace[], kind: typeof ConflictError | typeof SettingError) => {
    let message = '';
    await assert.rejects(predictDataset(models, records, SETTINGS), (error) => {
      assert.ok(error instanceof kind, String(error));
      message = error.message;
      return true;
    });
    return message;
  };
  assert.match(
    await refusal([first, await writeModel('recipe', 'diy', '1'.repeat(64))], ConflictError),
    /first_weights\.npz was .* recipe 000000000000, .*recipe_weights\.npz on samples with recipe 111111111111/,
  );
  assert.match(
    await refusal([first, await writeModel('psd', 'diy', TOY, 'b')], ConflictError),
    /PSD aaaaaaaaaaaa, .* PSD bbbbbbbbbbbb/,
  );
  assert.match(
    await refusal([await writeModel('other', 'diy', '1'.repeat(64))], ConflictError),
    /other_weights\.npz was trained on samples with recipe 111111111111, but .* has recipe 000000000000/,
  );
  assert.match(await refusal([first, first], SettingError), /first_weights\.npz is given twice/);
});

test('settings for raw samples are refused for records', async () => {
  const model = await writeModel('psd', 'diy', TOY);
  for (const [given, message] of [
    [{ psd: { folder, key: 'none.npz' } }, /holds records, which are already whitened\. Omit --psd/],
    [{ workers: 2 }, /holds records, which are already preprocessed\. Omit --workers/],
    [{ rows: { fill: 0.5 } }, /holds records, which all get a prediction\. Omit --fill/],
  ] as const)
    await assert.rejects(
      predictDataset([model], records, { ...SETTINGS, ...given }),
      (error) => error instanceof SettingError && message.test(error.message),
    );
});

test('listed ids without a raw sample are refused before the prediction, unless they get a value', async (t) => {
  const place = scratch(t);
  const psd = new Float64Array(3 * SPECTRUM_LENGTH).fill(1e-46);
  const npz = await writeNpz({ avg_psd: { dtype: '<f8', shape: [3, SPECTRUM_LENGTH], data: psd } });
  writeFileSync(join(place, 'psd.npz'), npz);
  const model = await writeModel('listed', 'diy', recipeHash());
  const said: string[] = [];
  const predict = (rows: RowSettings) => {
    const settings = { ...SETTINGS, rows, psd: { folder: place, key: 'psd.npz' } };
    return predictDataset([model], raw, settings, { say: (line) => said.push(line) });
  };
  const { ids } = await predict({});
  const like = { object: 'list.csv', ids: ['none', ids[0]!] };
  said.length = 0;
  const refusal = (ids: string[], message: RegExp) =>
    assert.rejects(
      predict({ like: { ...like, ids } }),
      (error) => error instanceof InputError && message.test(error.message),
    );
  await refusal(like.ids, /^list\.csv: found 1 of 2 ids/);
  await refusal(['none'], /^list\.csv: found only 0 of its 1 ids among the \d raw samples/);
  assert.deepEqual(said, []);
  assert.equal((await predict({ like, fill: 0 })).ids.length, 6);
});

/** Writes a single file of records with these ids. */
async function writeIds(name: string, ids: readonly string[]): Promise<string> {
  const samples = makeSamples(ids.length).map((sample, i) => ({ ...sample, id: ids[i]! }));
  await createFileStore(join(folder, name)).write('train.tfrecord', buildShard(samples, 'float16'));
  return join(folder, name);
}

test('ids that a spreadsheet would run, and other invalid ids, are refused instead of rewritten', async () => {
  const model = await writeModel('ids', 'diy');
  const hostile = [
    "=cmd|' /C calc'!A0",
    '+1',
    '@SUM(A1)',
    '\t=1',
    '\r=1',
    '＝1+1',
    '－1',
    '-1+1',
    'a b',
    '\x1b[2J',
    'a,b',
  ];
  for (const [i, id] of hostile.entries()) {
    const place = await writeIds(`hostile-${i}`, ['fine', id]);
    await assert.rejects(predictDataset([model], place, SETTINGS), (error) => {
      assert.ok(error instanceof InputError, String(error));
      assert.equal(error.fields.found, `the id ${JSON.stringify(id)}`);
      assert.ok(error.fields.offset! > 0);
      return true;
    });
  }
  const good = ['-abc', '_x', '1e5', 'a.b-c'];
  const { ids } = await predictDataset([model], await writeIds('good', good), SETTINGS);
  assert.deepEqual(ids, good);
});

test('a record without an id gets its number as id, and is refused if another record has that id', async () => {
  const model = await writeModel('numbers', 'diy');
  const { ids } = await predictDataset([model], await writeIds('some', ['', 'b', '']), SETTINGS);
  assert.deepEqual(ids, ['0', 'b', '2']);
  for (const [i, taken] of [
    ['1', ''],
    ['', '0'],
    ['x', 'x'],
  ].entries()) {
    const place = await writeIds(`taken-${i}`, taken);
    await assert.rejects(predictDataset([model], place, SETTINGS), (error) => {
      assert.ok(error instanceof InputError, String(error));
      assert.match(
        error.message,
        /at byte \d+: found the id "[01x]", which the record at byte 0 of .* also has, needed unique ids/,
      );
      return true;
    });
  }
});

test('records that training refuses are refused: replaced shards, repeated samples, NaN', async () => {
  const model = await writeModel('records', 'diy', TOY);
  const refused = async (settings: Partial<ToySettings>, pattern: RegExp, noted?: boolean) => {
    const toy = await makeToyRecords({ count: 16, shardSize: 4, ...settings });
    if (noted !== undefined) await replaceShard(toy, noted);
    await assert.rejects(predictDataset([model], toy.location, SETTINGS), (error) => {
      assert.ok(error instanceof InputError, String(error));
      assert.match(error.message, pattern);
      return true;
    });
  };
  await refused(
    {},
    /00001-of-00004\.tfrecord at byte 0: found the id "toy0000000", which .* needed unique ids/,
    true,
  );
  await refused({}, /00001-of-00004\.tfrecord at byte 0: found the id "toy0000000"/, false);
  const edit = (signal: Float32Array, i: number) => {
    if (i === 3) signal[7] = Number.NaN;
  };
  await refused({ edit }, /00000-of-00004\.tfrecord at byte \d+: found NaN at index 7 of the signal/);
});

test('a shard of another dataset with the same size and other ids is refused by its hash', async () => {
  const model = await writeModel('foreign', 'diy', TOY);
  const toy = await makeToyRecords({ count: 16, shardSize: 4 });
  const other = await makeToyRecords({ count: 16, shardSize: 4, seed: 2 });
  const name = 'train-00002-of-00004.tfrecord';
  await toy.write(name, await other.read(name));
  await assert.rejects(
    predictDataset([model], toy.location, SETTINGS),
    (error) =>
      error instanceof InputError &&
      /00002-of-00004\.tfrecord: found bytes with SHA-256/.test(error.message) &&
      /Preprocess the dataset again/.test(error.message),
  );
});

test('weights that would decompress to more than any model has are refused before they are decompressed', async () => {
  const zeros = new Uint8Array(64 << 20);
  const bomb = packZip([{ name: 'conv0_W.npy', content: zeros, deflate: true }]);
  await createFileStore(folder).write('bomb_weights.npz', bomb);
  await assert.rejects(
    predictDataset([{ folder, key: 'bomb_weights.npz' }], records, SETTINGS),
    (error) =>
      error instanceof InputError &&
      /bomb_weights\.npz: found 67108864 bytes unpacked, needed at most \d+/.test(error.message),
  );
});
