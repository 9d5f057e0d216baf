import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Tensor3D } from '@tensorflow/tfjs-node-gpu';
import { ConflictError, InputError, NotFoundError } from '../../src/core/errors.ts';
import { exportModel, SAVED_MODEL_KEY } from '../../src/inference/model-export.ts';
import { encodeWeights } from '../../src/inference/model-file.ts';
import { PRESETS, type Preset } from '../../src/model/presets.ts';
import { initialWeights, type Weights } from '../../src/model/weights.ts';
import { createFileStore } from '../../src/storage/file/file-store.ts';
import type { ObjectStore } from '../../src/storage/store.ts';
import { largestDifference, tf } from '../model/tensorflow.ts';
import '../model/tiny-preset.ts';
import { assertSameBytes } from '../support/bytes.ts';
import { chirpline } from '../support/command.ts';
import { folderForTests, scratch } from '../support/fixtures.ts';
import { createMemoryStore } from '../support/memory-store.ts';
import { runPython } from '../support/python.ts';
import { makeSignals, predict, usedWeights } from './models.ts';

/** Runs the exports of each name over its signals: all at once, and one alone. */
const RUN = `
import json, sys
import numpy as np, onnx, onnxruntime, tensorflow as tf
folder, *names = sys.argv[1:]
results = {}
for name in names:
    x = np.fromfile(f'{folder}/{name}.signals', '<f4').reshape(-1, 3, 4096)
    serve = tf.saved_model.load(f'{folder}/{name}').signatures['serving_default']
    model = onnx.load(f'{folder}/{name}.onnx')
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(f'{folder}/{name}.onnx', providers=['CPUExecutionProvider'])
    run = lambda x: session.run(['probability'], {'signal': x})[0]
    results[name] = {
        'savedmodel': serve(signal=tf.constant(x))['probability'].numpy().tolist(),
        'savedmodelAlone': serve(signal=tf.constant(x[:1]))['probability'].numpy().tolist(),
        'savedmodelInput': [str(d) for d in serve.structured_input_signature[1]['signal'].shape],
        'onnx': run(x).tolist(),
        'onnxAlone': run(x[:1]).tolist(),
        'onnxInput': [str(d) for d in session.get_inputs()[0].shape],
        'opset': [(entry.domain, entry.version) for entry in model.opset_import],
        'notes': session.get_modelmeta().custom_metadata_map,
    }
print(json.dumps(results))`;

interface Results {
  savedmodel: number[];
  savedmodelAlone: number[];
  savedmodelInput: string[];
  onnx: number[];
  onnxAlone: number[];
  onnxInput: string[];
  opset: [string, number][];
  notes: Record<string, string>;
}

const { folder, remove } = folderForTests();
const models = createMemoryStore();
const hash = (digit: string) => digit.repeat(64);
const recipe = { recipe_hash: hash('a'), psd_sha256: hash('b') };
const signals = makeSignals();
const ours = new Map<Preset, Float32Array>();
const swapped = new Map<Preset, Float32Array>();
/** What a model of filters makes of silence and of louder and louder samples. */
let loud: Float32Array;
let results: Record<Preset | 'loud', Results>;
after(() => {
  tf.dispose(signals);
  remove();
});
before(async () => {
  await models.write('coherent_recipe.json', Buffer.from(JSON.stringify(recipe)));
  for (const preset of PRESETS) {
    const weights = usedWeights(preset, signals);
    ours.set(preset, predict(preset, weights, signals));
    swapped.set(preset, predict(preset, weights, signals.reverse(1) as Tensor3D));
    await exportBoth(preset, weights, signals);
  }
  const weights = initialWeights('matched', 1);
  // So that a loud sample has no probability of 1, to which it would round anyway.
  weights.get('out_scale')!.data[0] = 0.02;
  weights.get('out_b')!.data[0] = -1;
  const louder = tf.tidy(() => {
    const [first, ...others] = tf.split(signals, 5) as Tensor3D[];
    return tf.concat([first!.mul(0), ...others.map((sample, i) => sample.mul(10 ** i))]) as Tensor3D;
  });
  loud = predict('matched', weights, louder);
  await exportBoth('loud', weights, louder);
  louder.dispose();
  results = JSON.parse(runPython(RUN, folder, ...PRESETS, 'loud'));
});

/** Exports a model in both formats, and writes the signals for it. */
async function exportBoth(name: string, weights: Weights, input: Tensor3D): Promise<void> {
  const key = `${name}_weights.npz`;
  await models.write(key, await encodeWeights(weights));
  await exportModel(models, key, 'savedmodel', createFileStore(join(folder, name)), SAVED_MODEL_KEY);
  await exportModel(models, key, 'onnx', createFileStore(folder), `${name}.onnx`);
  writeFileSync(join(folder, `${name}.signals`), input.dataSync());
}

test('TensorFlow and onnxruntime compute our probabilities from the exports of each preset', (t) => {
  for (const preset of PRESETS) {
    const theirs = results[preset];
    const expected = ours.get(preset)!;
    for (const format of ['savedmodel', 'onnx'] as const) {
      const all = largestDifference(theirs[format], expected);
      const alone = largestDifference(theirs[`${format}Alone`], expected.subarray(0, 1));
      assert.ok(all <= 3e-5 && alone <= 3e-5, `${preset} as ${format}: ${all}, alone ${alone}`);
      t.diagnostic(`${preset} as ${format}: probabilities differ by ${all.toExponential(1)} at most`);
      // The comparison can fail: samples differ by far more, and so do detectors in another order.
      assert.ok(largestDifference(theirs[format].toReversed(), expected) > 1e-3);
      assert.ok(largestDifference(theirs[format], swapped.get(preset)!) > 1e-3);
    }
    assert.deepEqual(theirs.savedmodelInput, ['None', '3', '4096']);
    assert.deepEqual(theirs.onnxInput, ['batch', '3', '4096']);
    assert.deepEqual(theirs.opset, [['', 17]]);
    assert.deepEqual(theirs.notes, preset === 'coherent' ? { preset, ...recipe } : { preset });
  }
});

test('exported filters compute our probabilities of silence and of loud samples, whose likelihoods are huge', () => {
  for (const theirs of [results.loud.savedmodel, results.loud.onnx])
    assert.ok(largestDifference(theirs, loud) <= 3e-5, `${theirs} ${loud}`);
  assert.ok(loud.at(-1)! > loud[0]! + 0.3 && loud.at(-1)! < 0.99, `${loud}`);
});

async function storeOfWeights(seed = 1): Promise<ObjectStore> {
  const models = createMemoryStore();
  await models.write('w.npz', await encodeWeights(initialWeights('diy', seed)));
  return models;
}

test('a repeated export changes nothing, and another file is not overwritten', async () => {
  for (const [format, key] of [
    ['savedmodel', SAVED_MODEL_KEY],
    ['onnx', 'diy.onnx'],
  ] as const) {
    const out = createMemoryStore();
    const first = await exportModel(await storeOfWeights(), 'w.npz', format, out, key);
    const bytes = await out.read(key);
    assert.equal(bytes.length, first.bytes);
    assert.deepEqual(await exportModel(await storeOfWeights(), 'w.npz', format, out, key), first);
    await assert.rejects(exportModel(await storeOfWeights(2), 'w.npz', format, out, key), (error) => {
      assert.ok(error instanceof ConflictError);
      assert.match(error.message, new RegExp(`^memory:${key} already exists`));
      return true;
    });
    assertSameBytes(await out.read(key), bytes);
  }
});

test('a SavedModel needs a folder of its own', async () => {
  const out = createMemoryStore();
  await out.write('variables/variables.index', Uint8Array.of(1));
  await assert.rejects(
    exportModel(await storeOfWeights(), 'w.npz', 'savedmodel', out, SAVED_MODEL_KEY),
    (error) => error instanceof ConflictError && error.message.includes('variables/variables.index'),
  );
  assert.equal(await out.head(SAVED_MODEL_KEY), undefined);
});

test('a file that is no model is refused, and so is a recipe that training did not write', async () => {
  const models = createMemoryStore();
  const out = createMemoryStore();
  const attempt = (key: string) => exportModel(models, key, 'onnx', out, 'm.onnx');
  await assert.rejects(attempt('none_weights.npz'), NotFoundError);
  await models.write('text_weights.npz', Buffer.from('not an archive'));
  await assert.rejects(attempt('text_weights.npz'), InputError);
  await models.write('run_weights.npz', await encodeWeights(initialWeights('coherent', 1)));
  for (const recipe of ['null', '[]', '{"recipe_hash":"../..","psd_sha256":1}', '{']) {
    await models.write('run_recipe.json', Buffer.from(recipe));
    await assert.rejects(attempt('run_weights.npz'), (error) => {
      return error instanceof InputError && error.fields.object === 'memory:run_recipe.json';
    });
  }
  assert.equal(await out.head('m.onnx'), undefined);
});

test('chirpline export prints what it wrote, and refuses with the documented exit codes', async (t) => {
  const folder = scratch(t);
  const weights = join(folder, 'run_weights.npz');
  writeFileSync(weights, await encodeWeights(initialWeights('coherent', 1)));
  const file = join(folder, 'm.onnx');
  const done = chirpline('export', weights, '--format', 'onnx', '--out', file, '--json');
  assert.equal(done.status, 0, done.stderr);
  const said = JSON.parse(done.stdout);
  assert.deepEqual(
    { ...said, sha256: typeof said.sha256 },
    { out: file, format: 'onnx', preset: 'coherent', bytes: readFileSync(file).length, sha256: 'string' },
  );
  const model = join(folder, 'served');
  const text = chirpline('export', weights, '--format', 'savedmodel', '--out', model);
  assert.match(text.stdout, /^exported the coherent model as savedmodel, 3\.0 MB: .*served$/m);
  writeFileSync(file, 'something else');
  assert.equal(chirpline('export', weights, '--format', 'onnx', '--out', file).status, 4);
  assert.equal(readFileSync(file, 'utf8'), 'something else');
  // A file where the folder should be.
  const { status, stderr } = chirpline('export', weights, '--format', 'savedmodel', '--out', file);
  assert.equal(status, 3);
  assert.match(stderr, /m\.onnx/);
  assert.equal(chirpline('export', weights, '--format', 'keras', '--out', file).status, 2);
});
