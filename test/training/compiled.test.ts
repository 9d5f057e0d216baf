/** Steps as a GPU computes them, on a CPU: compiled by XLA, with all detectors in one map and convolutions over blocks. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { initialWeights } from '../../src/model/weights.ts';
import { nodeBackend } from '../../src/tensorflow/graph/bind.ts';
import { decodeFloats } from '../../src/tensorflow/graph/encoded.ts';
import { withMemoryFor } from '../../src/training/engine/batch-memory.ts';
import type { EngineOptions } from '../../src/training/engine/engine.ts';
import { createEngine, type EngineKind } from '../../src/training/engine/engines.ts';
import { updateScale } from '../../src/training/engine/loss-scale.ts';
import { createBatch } from '../../src/training/input/batch.ts';
import { completeSettings, type GivenSettings } from '../../src/training/settings.ts';
import { tf } from '../model/tensorflow.ts';
import { TINY_PRESET } from '../model/tiny-preset.ts';
import { scratch } from '../support/fixtures.ts';
import {
  type Allowed,
  AUGMENTED,
  listFaults,
  makeBatch,
  type Run,
  step,
  takeTwoSteps,
  trainTwice,
} from './two-steps.ts';

const SIZE = 6;
const GPU: EngineOptions = { compile: true, convolution: 'blocks' };
const PLAIN: EngineOptions = { convolution: 'direct' };

const batch = makeBatch(SIZE);
const train = (kind: EngineKind, given: GivenSettings, options: EngineOptions) =>
  trainTwice(kind, given, batch, options);

function norm(values: ArrayLike<number>): number {
  return Math.sqrt(Array.from(values).reduce((sum, value) => sum + value * value, 0));
}

/** A difference of 16-bit gradients is twice as large in their squares. */
const SQUARES = /^square of /;
/** One window whose largest inputs nearly tie changes a few numbers of an array, but hardly their distance. */
const NEAR: Allowed = {
  losses: [2e-5, 5e-4],
  arrays: 2e-3,
  distance: (actual, expected) =>
    norm(Array.from(actual, (value, i) => value - expected[i]!)) / norm(expected),
};

test('compiled steps over blocks equal the eager ones, with dropout and every augmentation', () => {
  // Of seeds 1 to 4, only 1 has a window whose largest inputs differ by the rounding of a fused multiplication and addition.
  const batch = makeBatch(SIZE, 2);
  const compiled = trainTwice('graph', AUGMENTED, batch, GPU);
  assert.deepEqual(listFaults(compiled, trainTwice('eager', AUGMENTED, batch, PLAIN), NEAR), []);
  const faults = listFaults(compiled, trainTwice('eager', {}, batch, PLAIN), NEAR);
  assert.ok(faults.length > 20, faults.join(', '));
});

for (const preset of ['coherent', TINY_PRESET] as const)
  test(`compiled steps of the ${preset} model equal the eager ones`, () => {
    assert.deepEqual(
      listFaults(train('graph', { preset }, GPU), train('eager', { preset }, PLAIN), NEAR),
      [],
    );
  });

/** In float32, not compiled. */
const plain = train('eager', {}, PLAIN);

for (const [low, allowed] of [
  ['bfloat16', { ...NEAR, losses: [0.02, 0.1], arrays: 0.3, except: SQUARES }],
  ['float16', { ...NEAR, losses: [0.005, 0.1], arrays: 0.1, except: SQUARES }],
] as const)
  test(`in ${low} compiled steps are near those in float32, and finite for a detector without signal`, () => {
    const engine = start({ ...GPU, low });
    const [weights, optimizer] = [engine.getWeights(), engine.getOptimizer()];
    const mixed = takeTwoSteps(engine, batch);
    assert.deepEqual(listFaults(mixed, plain, allowed), []);
    assert.ok(listFaults(mixed, plain, NEAR).length > 10);
    engine.setWeights(weights);
    engine.setOptimizer(optimizer);
    assertFinite(takeTwoSteps(engine, makeBatch(SIZE, 1, 2)));
    engine.dispose();
  });

test('a detector without signal gives finite numbers in float16 with the tiny model', () => {
  const given: GivenSettings = { preset: TINY_PRESET, precision: 'mixed' };
  assertFinite(trainTwice('graph', given, makeBatch(SIZE, 1, 2), { ...GPU, low: 'float16' }));
});

function assertFinite({ losses, arrays }: Run): void {
  assert.ok(losses.every(Number.isFinite), `${losses}`);
  for (const [name, values] of arrays) assert.ok(Array.from(values).every(Number.isFinite), name);
}

/** An engine of diy in mixed precision. */
function start(options: EngineOptions) {
  const settings = completeSettings({ precision: 'mixed' }, 'cpu');
  return createEngine(tf, 'graph', initialWeights('diy', 11), settings, options);
}

test('in float16 the loss is scaled: a step that overflows is skipped, and the next ones use half the scale', () => {
  const engine = start({ convolution: 'blocks', low: 'float16' });
  const before = { weights: engine.getWeights(), ...engine.getOptimizer() };
  assert.deepEqual(before.lossScale, { scale: 2 ** 15, steps: 0 });
  engine.setOptimizer({ ...before, lossScale: { scale: 2 ** 40, steps: 7 } });
  assert.ok(Number.isFinite(step(engine, batch, 1e-3, [1, 1])));
  const skipped = engine.getOptimizer();
  assert.deepEqual(skipped.lossScale, { scale: 2 ** 39, steps: 0 });
  assert.equal(skipped.updates, 0);
  assert.deepEqual(engine.getWeights(), before.weights);
  engine.setOptimizer({ ...before, lossScale: { scale: 2 ** 12, steps: 1999 } });
  assert.ok(Number.isFinite(step(engine, batch, 1e-3, [1, 1])));
  assert.deepEqual(engine.getOptimizer().lossScale, { scale: 2 ** 13, steps: 0 });
  assert.equal(engine.getOptimizer().updates, 1);
  engine.setOptimizer({ ...before, lossScale: { scale: 2 ** 12, steps: 3 } });
  engine.train(batch, 1e-3, [1, 1]);
  assert.deepEqual(engine.getOptimizer().lossScale, { scale: 2 ** 12, steps: 4 });
  // Neither a loss that isn't finite nor a scale that was halved without end is a skipped step.
  const spoilt = createBatch(
    tf,
    Float32Array.from(decodeFloats(tf, batch.signals).dataSync(), (value, i) =>
      i === 100 ? Number.NaN : value,
    ),
    batch.labels.dataSync(),
  );
  assert.ok(Number.isNaN(step(engine, spoilt, 1e-3, [1, 1])));
  const isSound = (scale: number, loss: number, finite: boolean) => {
    const variable = tf.variable(tf.tensor1d([scale, 0]), false);
    return updateScale(tf, variable, tf.scalar(loss), tf.scalar(finite)).dataSync()[0] === 1;
  };
  assert.ok(isSound(2 ** -13, 1, false) && isSound(2 ** -14, 1, true));
  assert.ok(!isSound(2 ** -14, 1, false) && !isSound(2 ** 15, Number.NaN, false));
  engine.dispose();
});

test('what XLA compiled is kept for the next process, which then starts twice as fast', (t) => {
  const cache = scratch(t);
  const program = fileURLToPath(new URL('compile-once.ts', import.meta.url));
  const run = () => {
    const env = { ...process.env, TF_XLA_FLAGS: `--tf_xla_persistent_cache_directory=${cache}` };
    const child = spawnSync(process.execPath, ['--import', 'tsx', program], { encoding: 'utf8', env });
    assert.equal(child.status, 0, child.stderr);
    return JSON.parse(child.stdout) as { compiling: number; loss: number; said: string[] };
  };
  const [first, second] = [run(), run()];
  assert.ok(readdirSync(cache).length > 0, `nothing in ${join(cache)}`);
  assert.equal(second.loss, first.loss);
  assert.deepEqual(second.said, ['training on 6 samples']);
  assert.ok(second.compiling < first.compiling / 2, `${second.compiling} s of CPU, first ${first.compiling}`);
});

test('a step that cannot be compiled runs uncompiled if the engine is told to, and is an error otherwise', () => {
  const backend = nodeBackend(tf);
  /** The first step that `work` runs fails. */
  const withFailure = <T>(message: string, work: () => T): T => {
    const run = backend.runSavedModel;
    let failed = false;
    backend.runSavedModel = (id, inputs, names, outputs) => {
      const isStep = names.some(({ name }) => name === 'input_0:0');
      if (!isStep || failed) return run.call(backend, id, inputs, names, outputs);
      failed = true;
      throw new Error(message);
    };
    try {
      return work();
    } finally {
      Reflect.deleteProperty(backend, 'runSavedModel');
    }
  };
  const start = (options: EngineOptions) => {
    const engine = createEngine(tf, 'graph', initialWeights('diy', 11), completeSettings({}, 'cpu'), options);
    return { engine, step: () => step(engine, batch, 1e-3, [1, 1]) };
  };
  const plain = start({});
  const expected = plain.step();
  plain.engine.dispose();

  const said: string[] = [];
  const lenient = start({ compile: true, onUncompiled: (reason) => said.push(reason) });
  assert.equal(withFailure('No PTX compilation provider\nmore', lenient.step), expected);
  assert.deepEqual(said, [
    'a step that XLA compiles failed (No PTX compilation provider); use --compile off',
  ]);
  lenient.engine.dispose();
  const strict = start({ compile: true });
  assert.throws(() => withFailure('No PTX', strict.step), /^MachineError: a step that XLA compiles failed/);
  assert.throws(
    () => withFailure('RESOURCE_EXHAUSTED: full', () => withMemoryFor(SIZE, strict.step)),
    /ran out of memory on a batch of 6 samples \(RESOURCE_EXHAUSTED: full\)\. Use --batch-size 3/,
  );
  strict.engine.dispose();
});
