import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ConflictError, InputError, NotFoundError } from '../../src/core/errors.ts';
import { measure } from '../../src/evaluation/evaluation.ts';
import { evaluateModels, writeEvaluation } from '../../src/evaluation/evaluation-run.ts';
import { encodeWeights } from '../../src/inference/model-file.ts';
import { predictDataset } from '../../src/inference/prediction-run.ts';
import { initialWeights } from '../../src/model/weights.ts';
import { createFileStore } from '../../src/storage/file/file-store.ts';
import type { FilePlace } from '../../src/storage/location.ts';
import { writeDataset } from '../support/dataset.ts';
import { folderForTests, scratch } from '../support/fixtures.ts';
import { PATH_WITH_TENSORFLOW } from '../tensorflow/process.ts';
import { makeToyRecords, replaceShard, toyId } from '../training/toy.ts';

// The test environment's TensorFlow, unless one is chosen.
process.env.PATH = PATH_WITH_TENSORFLOW;

const { folder, remove } = folderForTests();
after(remove);
const COUNT = 24;
const SETTINGS = { batchSize: 4, device: 'cpu', compile: 'off' } as const;
const LABELS = Uint8Array.from({ length: COUNT }, (_, i) => i % 2);
const TRUTH = { folder, key: 'truth.csv' };
let records: string;
let models: FilePlace[];

function truthOf(rows: number, target = (i: number) => i % 2): string {
  const row = (i: number) => `${toyId(i)},${target(i)},${target(i) === 1 ? `${i / 2},1.${i}` : ','}`;
  return `id,target,snr_net,tc\n${Array.from({ length: rows }, (_, i) => row(i)).join('\n')}\n`;
}

async function writeModel(name: string, seed: number, recipe = '0'.repeat(64), bias = 0): Promise<FilePlace> {
  const store = createFileStore(folder);
  const weights = initialWeights('diy', seed);
  if (bias !== 0) weights.get('out_W')!.data.fill(bias);
  await store.write(`${name}_weights.npz`, await encodeWeights(weights));
  const companion = { recipe_hash: recipe, psd_sha256: 'a'.repeat(64) };
  await store.write(`${name}_recipe.json`, Buffer.from(JSON.stringify(companion)));
  return { folder, key: `${name}_weights.npz` };
}

before(async () => {
  records = (await makeToyRecords({ count: COUNT, shardSize: 8 })).location;
  models = [await writeModel('one', 1), await writeModel('two', 2)];
  // The truth of more samples than there are records.
  writeFileSync(join(folder, TRUTH.key), truthOf(COUNT + 5));
});

for (const tta of [false, true]) {
  test(`the measures are those of what predict predicts${tta ? ' with --tta' : ''}`, async () => {
    const settings = { ...SETTINGS, tta };
    const { measures } = await evaluateModels(models, records, settings, TRUTH);
    const { logits } = await predictDataset(models, records, settings);
    const injected = Array.from(LABELS, (label, i) =>
      label === 0 ? null : { snr: i / 2, tc: Number(`1.${i}`) },
    );
    assert.deepEqual(measures, measure(LABELS, Float32Array.from(logits), injected));
    const others = await predictDataset(models, records, { ...settings, tta: !tta });
    assert.notEqual(measures.loss, measure(LABELS, Float32Array.from(others.logits)).loss);
    assert.deepEqual(
      measures.efficiency!.snr.map(({ from, found }) => [from, found[0]!.of]),
      [0, 2, 4, 6, 8, 10].map((from) => [from, 2]),
    );
  });
}

test('the files of an evaluation replace those of an earlier one', async (t) => {
  const place = scratch(t);
  const out = createFileStore(place);
  const names = () => readdirSync(place).sort();
  await writeEvaluation(out, { tta: false }, await evaluateModels(models, records, SETTINGS, TRUTH));
  assert.deepEqual(names(), ['efficiency.png', 'evaluation.json', 'roc.png']);
  const evaluated = await evaluateModels(models, records, SETTINGS);
  await writeEvaluation(out, { tta: true }, evaluated);
  assert.deepEqual(names(), ['evaluation.json', 'roc.png']);
  const document = JSON.parse(readFileSync(join(place, 'evaluation.json'), 'utf8'));
  assert.deepEqual(document, { version: 1, tta: true, ...evaluated.measures });
});

test('a truth of other samples, raw samples, damaged records and another recipe are refused', async (t) => {
  const place = scratch(t);
  const refused = async (work: Promise<unknown>, kind: new (...args: never[]) => Error, message: RegExp) =>
    assert.rejects(work, (error) => error instanceof kind && message.test(error.message));
  for (const [text, message] of [
    [truthOf(COUNT - 1), /short\.csv: found no row of the sample toy0000023, /],
    [
      truthOf(COUNT, (i) => (i === 5 ? 0 : i % 2)),
      /short\.csv: found the target 0 of the sample toy0000005, /,
    ],
  ] as const) {
    writeFileSync(join(place, 'short.csv'), text);
    const truth = { folder: place, key: 'short.csv' };
    await refused(evaluateModels(models, records, SETTINGS, truth), InputError, message);
  }
  const raw = join(place, 'raw');
  await writeDataset(createFileStore(raw), 2);
  await refused(evaluateModels(models, raw, SETTINGS), NotFoundError, /metadata\.json or train\.tfrecord/);
  const doubled = await makeToyRecords({ count: 12, shardSize: 4 });
  await replaceShard(doubled, true);
  await refused(evaluateModels(models, doubled.location, SETTINGS), InputError, /the id "toy0000000", which/);
  const other = await writeModel('other', 3, 'b'.repeat(64));
  await refused(evaluateModels([other], records, SETTINGS), ConflictError, /has recipe 000000000000/);
  const overflowing = await writeModel('huge', 3, undefined, 3e38);
  await refused(
    evaluateModels([overflowing], records, SETTINGS),
    InputError,
    /the logit -?(Infinity|NaN) of the sample toy/,
  );
});
