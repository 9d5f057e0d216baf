/** Steps as a GPU computes them, on a CPU: compiled by XLA, with all detectors in one map and convolutions over blocks. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SAMPLE_SIZE } from '../../src/core/strain.ts';
import { initialWeights } from '../../src/model/weights.ts';
import { nodeBackend } from '../../src/tensorflow/graph/bind.ts';
import { decodeFloats } from '../../src/tensorflow/graph/encoded.ts';
import { withMemoryFor } from '../../src/training/engine/batch-memory.ts';
import type { EngineOptions } from '../../src/training/engine/engine.ts';
import { createEngine, type EngineKind } from '../../src/training/engine/engines.ts';
import { isDiverged } from '../../src/training/engine/loss-scale.ts';
import { createBatch } from '../../src/training/input/batch.ts';
import { completeSettings, type GivenSettings } from '../../src/training/settings.ts';
import { tf } from '../model/tensorflow.ts';
import { scratch } from '../support/fixtures.ts';
import { makeSignal } from './toy.ts';

const SIZE = 6;
const GPU: EngineOptions = { compile: true, convolution: 'blocks' };
const PLAIN: EngineOptions = { convolution: 'direct' };

function makeBatch(silent?: number) {
  const labels = Float32Array.from({ length: SIZE }, (_, i) => i % 2);
  const signals = new Float32Array(SIZE * SAMPLE_SIZE);
  for (const [i, label] of labels.entries())
    signals.set(makeSignal(label === 1 ? 1 : 0, 1, i), i * SAMPLE_SIZE);
  if (silent !== undefined)
    for (let i = 0; i < SIZE; i++)
      signals.fill(0, i * SAMPLE_SIZE + silent * 4096, i * SAMPLE_SIZE + (silent + 1) * 4096);
  return createBatch(tf, signals, labels);
}

/** Losses of two steps, the first moments (a tenth of the gradients) after the first, and the probabilities at the end. */
function train(kind: EngineKind, given: GivenSettings, options: EngineOptions = {}, batch = makeBatch()) {
  const settings = completeSettings(given, 'cpu');
  const weights = initialWeights(settings.preset, 11);
  const engine = createEngine(tf, kind, weights, settings, options);
  const losses = [engine.train(batch, 1e-3, [1, 1])];
  const { moments } = engine.getOptimizer();
  const names = [...weights.keys()].filter((name) => !/_(mean|var)$/.test(name));
  const gradients = new Map(names.map((name, i) => [name, moments[2 * i]!]));
  const statistics = new Map([...engine.getWeights()].filter(([name]) => /_(mean|var)$/.test(name)));
  losses.push(engine.train(batch, 1e-3, [1, 2]));
  const probabilities = engine.predict(batch);
  engine.dispose();
  return { losses, gradients, statistics, probabilities };
}

function norm(values: ArrayLike<number>): number {
  return Math.sqrt(Array.from(values).reduce((sum, value) => sum + value * value, 0));
}

/** Relative distance of two arrays: one window whose largest inputs nearly tie changes a few numbers, but not this. */
function distance(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  return norm(Array.from(actual, (value, i) => value - expected[i]!)) / norm(expected);
}

type Run = ReturnType<typeof train>;

function listFaults(actual: Run, expected: Run, allowed = { loss: [2e-5, 5e-4], gradient: 2e-3 }): string[] {
  const faults: string[] = [];
  for (const [i, loss] of expected.losses.entries()) {
    const difference = Math.abs(actual.losses[i]! / loss - 1);
    if (!(difference <= allowed.loss[i]!)) faults.push(`loss ${i + 1}: ${difference}`);
  }
  for (const [name, gradient] of expected.gradients) {
    if (gradient.every((value) => value === 0)) continue;
    const difference = distance(actual.gradients.get(name)!, gradient);
    if (!(difference <= allowed.gradient)) faults.push(`gradient of ${name}: ${difference}`);
  }
  for (const [name, { data }] of expected.statistics) {
    const difference = distance(actual.statistics.get(name)!.data, data);
    if (!(difference <= allowed.gradient)) faults.push(`statistic ${name}: ${difference}`);
  }
  const apart = distance(actual.probabilities, expected.probabilities);
  if (!(apart <= allowed.gradient)) faults.push(`probabilities: ${apart}`);
  return faults;
}

const AUGMENTED: GivenSettings = {
  time_shift: 20,
  sign_flip: true,
  detector_swap: true,
  noise: 0.1,
  mixup: 0.4,
};

test('compiled steps over blocks equal the eager ones, with dropout and every augmentation', () => {
  const compiled = train('graph', AUGMENTED, GPU);
  assert.deepEqual(listFaults(compiled, train('eager', AUGMENTED, PLAIN)), []);
  const faults = listFaults(compiled, train('eager', {}, PLAIN));
  assert.ok(faults.length > 20, faults.join(', '));
});

test('compiled steps of the coherent model equal the eager ones', () => {
  const given: GivenSettings = { preset: 'coherent' };
  assert.deepEqual(listFaults(train('graph', given, GPU), train('eager', given, PLAIN)), []);
});

test('in mixed precision compiled steps are near those in float32', () => {
  const allowed = { loss: [0.02, 0.1], gradient: 0.3 };
  const mixed = train('graph', { precision: 'mixed' }, GPU);
  const whole = train('eager', {}, PLAIN);
  assert.deepEqual(listFaults(mixed, whole, allowed), []);
  assert.ok(listFaults(mixed, whole).length > 10);
});

for (const low of ['bfloat16', 'float16'] as const) {
  test(`a detector without signal gives finite numbers in ${low}`, () => {
    const options = { ...GPU, low };
    const { losses, gradients, probabilities } = train(
      'graph',
      { precision: 'mixed' },
      options,
      makeBatch(2),
    );
    assert.ok([...losses, ...probabilities].every(Number.isFinite), `${losses}`);
    for (const [name, gradient] of gradients) assert.ok(gradient.every(Number.isFinite), name);
  });
}

test('in float16 the loss is scaled: a step that overflows is skipped, and the next ones use half the scale', () => {
  const allowed = { loss: [0.005, 0.1], gradient: 0.1 };
  const settings: GivenSettings = { precision: 'mixed' };
  assert.deepEqual(
    listFaults(train('graph', settings, { ...GPU, low: 'float16' }), train('eager', {}, PLAIN), allowed),
    [],
  );

  const batch = makeBatch();
  const engine = createEngine(tf, 'graph', initialWeights('diy', 11), completeSettings(settings, 'cpu'), {
    convolution: 'blocks',
    low: 'float16',
  });
  const start = { weights: engine.getWeights(), ...engine.getOptimizer() };
  assert.deepEqual(start.lossScale, { scale: 2 ** 15, steps: 0 });
  engine.setOptimizer({ ...start, lossScale: { scale: 2 ** 40, steps: 7 } });
  assert.ok(Number.isFinite(engine.train(batch, 1e-3, [1, 1])));
  const skipped = engine.getOptimizer();
  assert.deepEqual(skipped.lossScale, { scale: 2 ** 39, steps: 0 });
  assert.equal(skipped.updates, 0);
  assert.deepEqual(engine.getWeights(), start.weights);
  engine.setOptimizer({ ...start, lossScale: { scale: 2 ** 12, steps: 1999 } });
  assert.ok(Number.isFinite(engine.train(batch, 1e-3, [1, 1])));
  assert.deepEqual(engine.getOptimizer().lossScale, { scale: 2 ** 13, steps: 0 });
  assert.equal(engine.getOptimizer().updates, 1);
  engine.setOptimizer({ ...start, lossScale: { scale: 2 ** 12, steps: 3 } });
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
  assert.ok(Number.isNaN(engine.train(spoilt, 1e-3, [1, 1])));
  assert.deepEqual([2 ** -15, 2 ** -14, 2 ** 15].map(isDiverged), [true, false, false]);
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
  const batch = makeBatch();
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
    return { engine, step: () => engine.train(batch, 1e-3, [1, 1]) };
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
