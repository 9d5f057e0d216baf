/** Training of matched filters, where it differs from that of convolutional networks. */
import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { InputError, PausedError } from '../../src/core/errors.ts';
import { SAMPLE_LENGTH } from '../../src/core/strain.ts';
import { encodeWeights, readModel } from '../../src/inference/model-file.ts';
import { predictDataset } from '../../src/inference/prediction-run.ts';
import { initialWeights } from '../../src/model/weights.ts';
import { readPsd } from '../../src/preprocess/average-psd.ts';
import { preprocessDataset } from '../../src/preprocess/local-run.ts';
import { PREPROCESS_DEFAULTS } from '../../src/preprocess/preprocess-settings.ts';
import { sampleTaper } from '../../src/signal/sample-taper.ts';
import { createTemplateBank } from '../../src/simulate/template-bank.ts';
import { createFileStore } from '../../src/storage/file/file-store.ts';
import { decodeFloats } from '../../src/tensorflow/graph/encoded.ts';
import type { Engine, EngineOptions } from '../../src/training/engine/engine.ts';
import { createEngine, type EngineKind } from '../../src/training/engine/engines.ts';
import { createBatch } from '../../src/training/input/batch.ts';
import { completeSettings, type GivenSettings } from '../../src/training/settings.ts';
import { type TrainOptions, trainModel } from '../../src/training-run/training-run.ts';
import { tf } from '../model/tensorflow.ts';
import { writeDataset } from '../support/dataset.ts';
import { scratch } from '../support/fixtures.ts';
import { makeToyRecords } from './toy.ts';
import {
  type Allowed,
  AUGMENTED,
  listFaults,
  makeBatch,
  relativeDifference,
  step,
  trainTwice,
} from './two-steps.ts';

/** Samples under the tapers, as preprocessed ones are: the filters undo them. */
const plain = makeBatch(6);
const taper = sampleTaper();
const batch = createBatch(
  tf,
  Float32Array.from(decodeFloats(tf, plain.signals).dataSync(), (x, i) => x * taper[i % SAMPLE_LENGTH]!),
  plain.labels.dataSync(),
);

const train = (kind: EngineKind, given: GivenSettings = {}, options: EngineOptions = {}) =>
  trainTwice(kind, { ...given, preset: 'matched' }, batch, options);
/** An exponential makes a relative error of an exponent of up to 60 as many times larger. */
const SAME: Allowed = { losses: [2e-5, 2e-5], arrays: 2e-3, distance: relativeDifference };

test('the graph engine computes the losses and gradients of the eager engine, plain, augmented and compiled', () => {
  const eager = train('eager');
  assert.deepEqual(listFaults(train('graph'), eager, SAME), []);
  // XLA has transforms of its own, and the gradients of the merger times are differences of nearly equal numbers.
  const compiled = train('graph', {}, { compile: true });
  assert.deepEqual(listFaults(compiled, eager, { ...SAME, arrays: 5e-3 }), []);
  const given = { ...AUGMENTED, sign_flip: false };
  const augmented = train('eager', given);
  assert.deepEqual(listFaults(train('graph', given), augmented, SAME), []);
  assert.ok(listFaults(augmented, eager, SAME).length > 8);
  const gradients = [...eager.arrays].filter(([name]) => name.startsWith('gradient'));
  assert.equal(gradients.length, 5);
  for (const [name, values] of gradients)
    assert.ok(
      Array.from(values).some((value) => value !== 0),
      name,
    );
});

test('settings without an effect on matched filters are refused', () => {
  for (const given of [{ sign_flip: true }, { dropout_rate: 0.1 }])
    assert.throws(
      () => completeSettings({ ...given, preset: 'matched' }, 'cpu'),
      /no effect on matched filters/,
    );
});

for (const kind of ['graph', 'eager'] as const)
  test(`training resumes exactly, and never changes the filters (${kind})`, () => {
    const settings = completeSettings({ preset: 'matched' }, 'cpu');
    const start = (seed: number) => createEngine(tf, kind, initialWeights('matched', seed), settings);
    const finish = (engine: Engine) => {
      const loss = step(engine, batch, 1e-2, [1, 2]);
      const end = { loss, weights: engine.getWeights(), optimizer: engine.getOptimizer() };
      engine.dispose();
      return end;
    };
    const whole = start(1);
    const { data: bank } = whole.getWeights().get('bank')!;
    step(whole, batch, 1e-2, [1, 1]);
    const [weights, optimizer] = [whole.getWeights(), whole.getOptimizer()];
    const expected = finish(whole);
    const resumed = start(2);
    resumed.setWeights(weights);
    resumed.setOptimizer(optimizer);
    assert.deepEqual(finish(resumed), expected);
    assert.deepEqual(expected.weights.get('bank')!.data, bank);
    assert.notDeepEqual(expected.weights.get('template'), weights.get('template'));
  });

const SETTINGS: GivenSettings = { preset: 'matched', epochs: 2, batch_size: 4, seed: 1 };
const OPTIONS: TrainOptions = { device: 'cpu', engine: 'graph', checkpointMinutes: 10, onCorrupt: 'stop' };

test('a training starts from templates, resumes after a stop, and computes in float32', async (t) => {
  const [raw, records] = [scratch(t), scratch(t)];
  await writeDataset(createFileStore(raw), 16);
  await preprocessDataset(raw, records, { ...PREPROCESS_DEFAULTS, dataset: 'toy' });
  const given: GivenSettings = { ...SETTINGS, precision: 'mixed' };
  const finish = async (models: string, options = OPTIONS) => {
    const said: string[] = [];
    const { run } = await trainModel(records, models, given, options, { say: (line) => said.push(line) });
    const { weights } = await readModel(createFileStore(join(models, 'saved')), `${run}_weights.npz`);
    return { run, weights, said };
  };
  const models = scratch(t);
  const whole = await finish(models);
  assert.ok(whole.said.includes('matched has no convolutions: precision mixed computes in float32'));
  const saved = join(models, 'saved');
  const config = JSON.parse(readFileSync(join(saved, `${whole.run}_config.json`), 'utf8'));
  assert.equal(config.compute_dtype, 'float32');
  const { psd } = await readPsd(createFileStore(records), 'avg_psd.npz');
  assert.deepEqual(whole.weights.get('bank')!.data, createTemplateBank(psd, 1));

  const others = scratch(t);
  const controller = new AbortController();
  const observer = { say: (line: string) => void (/epoch 1/.test(line) && controller.abort()) };
  await assert.rejects(
    trainModel(records, others, given, OPTIONS, observer, controller.signal),
    (error) => error instanceof PausedError,
  );
  const resumed = await finish(others);
  assert.ok(resumed.said.some((line) => line.startsWith('resuming matched_')));
  assert.deepEqual(resumed.weights, whole.weights);

  // The average over a sample's symmetries.
  const weights = { folder: saved, key: `${whole.run}_weights.npz` };
  const settings = { batchSize: 4, device: 'cpu' } as const;
  const [once, averaged] = [
    await predictDataset([weights], records, settings),
    await predictDataset([weights], records, { ...settings, tta: true }),
  ];
  assert.ok([...once.logits, ...averaged.logits].every(Number.isFinite));
  assert.notDeepEqual(averaged.logits, once.logits);

  // Templates are whitened by the PSD.
  rmSync(join(records, 'avg_psd.npz'));
  await assert.rejects(
    trainModel(records, scratch(t), given, OPTIONS),
    (error) =>
      error instanceof InputError &&
      /avg_psd\.npz: found no such file, needed the PSD that the records were whitened by/.test(
        error.message,
      ),
  );
});

test('the PSD of other records, or a file that is none, is refused for the filters', async (t) => {
  const records = await makeToyRecords({ count: 8 });
  const other = scratch(t);
  await writeDataset(createFileStore(other), 6);
  const raw = scratch(t);
  await preprocessDataset(other, raw, { ...PREPROCESS_DEFAULTS, dataset: 'toy' });
  const refused = (message: RegExp) =>
    assert.rejects(
      trainModel(records.location, scratch(t), SETTINGS, OPTIONS),
      (error) => error instanceof InputError && message.test(error.message),
    );
  await records.write('avg_psd.npz', readFileSync(join(raw, 'avg_psd.npz')));
  await refused(/avg_psd\.npz: found a PSD \w{12}, metadata\.json has 0{12}, needed/);
  await records.write('avg_psd.npz', new Uint8Array(1));
  await refused(/avg_psd\.npz/);
  // A trained model brings its filters along.
  const models = scratch(t);
  const key = join(models, 'first_weights.npz');
  await createFileStore(models).write('first_weights.npz', await encodeWeights(initialWeights('matched', 1)));
  const { run, metrics } = await trainModel(
    records.location,
    models,
    { ...SETTINGS, epochs: 1 },
    { ...OPTIONS, init: key },
  );
  assert.match(run, /^matched_/);
  assert.ok(Number.isFinite(metrics.val_metrics.accuracy));
});
