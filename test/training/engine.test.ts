import assert from 'node:assert/strict';
import { test } from 'node:test';
import { initialWeights, isTrainable, type Weights } from '../../src/model/weights.ts';
import { nodeBackend } from '../../src/tensorflow/graph/bind.ts';
import { decodeFloats } from '../../src/tensorflow/graph/encoded.ts';
import type { Engine } from '../../src/training/engine/engine.ts';
import { createEngine, type EngineKind } from '../../src/training/engine/engines.ts';
import { createBatch } from '../../src/training/input/batch.ts';
import { completeSettings, type GivenSettings } from '../../src/training/settings.ts';
import { largestDifference, tf } from '../model/tensorflow.ts';
import { TINY_PRESET } from '../model/tiny-preset.ts';
import {
  type Allowed,
  AUGMENTED,
  listFaults,
  makeBatch,
  relativeDifference,
  step,
  trainTwice,
} from './two-steps.ts';

const RATE = 1e-3;
/** For tests that don't depend on the model: its programs are recorded in half the time of diy's. */
const SMALL: GivenSettings = { preset: 'coherent' };
const start = (kind: EngineKind, given: GivenSettings = {}, weights?: Weights) => {
  const settings = completeSettings(given, 'cpu');
  return createEngine(tf, kind, weights ?? initialWeights(settings.preset, 11), settings);
};

const batch = makeBatch(6);
const short = makeBatch(3, 2);

const train = (kind: EngineKind, given: GivenSettings, seed = 1) => trainTwice(kind, given, batch, { seed });
const SAME: Allowed = {
  losses: [2e-5, 2e-5],
  arrays: 1e-4,
  distance: relativeDifference,
};

// Gradients that are sums of many numbers of both signs, such as those of a generalized mean's power, are less exact.
const NEAR: Allowed = { ...SAME, arrays: 1e-3 };

test('the graph engine computes the losses and gradients of the eager engine, with dropout, augmentation and averaged weights', () => {
  const eager = train('eager', AUGMENTED);
  assert.deepEqual(listFaults(train('graph', AUGMENTED), eager, SAME), []);
  const faults = listFaults(train('graph', AUGMENTED, 2), eager, SAME);
  assert.ok(faults.some((fault) => fault.startsWith('loss 1')) && faults.length > 20, faults.join(', '));
});

test('the average follows the weights, is used on demand, and gets moving statistics of its own', () => {
  const engine = start('graph', { ...SMALL, average_weights: 0.75 });
  const flat = () => {
    const trainable = [...engine.getWeights()].filter(([name]) => isTrainable(name));
    return trainable.flatMap(([, { data }]) => [...data]);
  };
  let expected = flat();
  for (let i = 1; i <= 30; i++) {
    step(engine, batch, 1e-2, [1, i]);
    const weights = flat();
    // The decay begins lower.
    const decay = Math.min(0.75, (1 + i) / (10 + i));
    expected = expected.map((value, at) => decay * value + (1 - decay) * weights[at]!);
  }
  const before = engine.getWeights();
  assert.ok(largestDifference(engine.getOptimizer().average!, expected) < 1e-6);
  assert.ok(largestDifference(flat(), expected) > 1e-3);
  engine.useAverage();
  assert.ok(largestDifference(flat(), expected) < 1e-6);
  const statistics = (weights: Weights) => [...weights.get('bn1_var')!.data];
  assert.deepEqual(statistics(engine.getWeights()), statistics(before));
  for (let i = 0; i < 60; i++) engine.adjustStatistics(batch, [1, 1]);
  const settled = engine.getWeights();
  engine.adjustStatistics(batch, [1, 1]);
  assert.ok(relativeDifference(statistics(engine.getWeights()), statistics(settled)) < 1e-3);
  assert.ok(relativeDifference(statistics(before), statistics(settled)) > 1e-2);
  assert.ok(largestDifference(flat(), expected) < 1e-6);
  engine.setWeights(before);
  const { average, ...optimizer } = engine.getOptimizer();
  assert.equal(optimizer.updates, 30);
  assert.ok(largestDifference(average!, expected) < 1e-6);
  engine.dispose();
});

test('injected signals train the same in both engines', () => {
  // With some seeds rounding shows: a gradient is nearly 0, or two points that max-pool chooses from are nearly equal.
  const others = makeBatch(batch.size, 4);
  const injecting = { ...batch, injected: others.signals };
  const given = { ...AUGMENTED, snr: 'uniform', snr_min: 0.5, snr_max: 1.5 } as const;
  const [graph, eager] = (['graph', 'eager'] as const).map((kind) => trainTwice(kind, given, injecting));
  // The average is one of the second step, which makes much of gradients near 0.
  assert.deepEqual(listFaults(graph!, eager!, { ...SAME, except: /average/ }), []);
  assert.deepEqual(listFaults(graph!, eager!, NEAR), []);
  assert.ok(listFaults(train('graph', given), eager!, SAME).length > 20);
});

test('the coherent-large model trains the same in both engines', () => {
  const given: GivenSettings = { preset: 'coherent-large' };
  assert.deepEqual(listFaults(train('graph', given), train('eager', given), NEAR), []);
});

for (const preset of ['coherent', TINY_PRESET] as const)
  test(`the ${preset} model trains the same in both engines, and learns its batch`, () => {
    const [graph, eager] = [train('graph', { preset }), train('eager', { preset })];
    assert.deepEqual(listFaults(graph, eager, preset === 'coherent' ? SAME : NEAR), []);
    assert.ok(listFaults(train('graph', { preset }, 2), eager, NEAR).length > 20);
    const engine = start('graph', { preset, dropout_rate: 0 });
    const losses = Array.from({ length: 12 }, (_, i) => step(engine, batch, 3e-3, [1, i]));
    engine.dispose();
    assert.ok(losses.at(-1)! < 0.8 * losses[0]!, `${losses}`);
  });

test('batches of two sizes, and predictions in between, use and update the same weights', () => {
  const run = (kind: EngineKind) => {
    const engine = start(kind, SMALL);
    const seen: number[] = [];
    for (const [i, next] of [batch, short, batch, short].entries()) {
      seen.push(step(engine, next, 1e-4, [1, i]), ...engine.logits(short), ...engine.logits(batch));
    }
    const { updates } = engine.getOptimizer();
    engine.dispose();
    assert.equal(updates, 4);
    return seen;
  };
  const [graph, eager] = [run('graph'), run('eager')];
  assert.ok(largestDifference(graph, eager) < 1e-3);
  const perStep = graph.length / 4;
  assert.ok(largestDifference(graph.slice(0, perStep), graph.slice(2 * perStep, 3 * perStep)) > 1e-2);
});

for (const [kind, preset] of [
  ['graph', 'coherent'],
  ['graph', TINY_PRESET],
  ['eager', TINY_PRESET],
] as const)
  test(`training of ${preset} resumes exactly from weights and optimizer state in a new engine (${kind})`, () => {
    const whole = start(kind, { preset });
    step(whole, batch, RATE, [1, 1]);
    const [weights, optimizer] = [whole.getWeights(), whole.getOptimizer()];
    const finish = (engine: Engine) => {
      const loss = step(engine, batch, RATE, [1, 2]);
      const end = { loss, weights: engine.getWeights(), optimizer: engine.getOptimizer() };
      engine.dispose();
      return end;
    };
    const expected = finish(whole);
    const resumed = start(kind, { preset });
    // As after a few steps of another training.
    step(resumed, batch, RATE, [5, 5]);
    resumed.setWeights(weights);
    resumed.setOptimizer(optimizer);
    assert.deepEqual(finish(resumed), expected);
    assert.equal(expected.optimizer.updates, 2);
    const forgetful = start(kind, { preset });
    forgetful.setWeights(weights);
    assert.notDeepEqual(finish(forgetful).weights, expected.weights);
  });

for (const kind of ['graph', 'eager'] as const) {
  test(`a batch with a loss that is not finite updates nothing, and the next batch does (${kind})`, () => {
    const engine = start(kind, SMALL);
    step(engine, batch, RATE, [1, 1]);
    const before = engine.getWeights();
    const optimizer = engine.getOptimizer();
    const spoilt = Float32Array.from(decodeFloats(tf, batch.signals).dataSync(), (value, i) =>
      i === 100 ? Number.NaN : value,
    );
    const bad = createBatch(tf, spoilt, batch.labels.dataSync());
    assert.ok(Number.isNaN(step(engine, bad, RATE, [1, 2])));
    assert.deepEqual(engine.getOptimizer(), optimizer);
    for (const [name, { data }] of engine.getWeights())
      if (!/_(mean|var)$/.test(name)) assert.deepEqual(data, before.get(name)!.data, name);
    engine.setWeights(before);
    assert.ok(Number.isFinite(step(engine, batch, RATE, [1, 2])));
    assert.notDeepEqual(engine.getWeights(), before);
    engine.dispose();
  });
}

test('an engine leaks neither tensors nor graphs, however many steps it runs', () => {
  const backend = nodeBackend(tf);
  const count = () => [tf.memory().numTensors, backend.getNumOfTFTensors(), backend.getNumOfSavedModels()];
  const before = count();
  const engine = start('graph', SMALL);
  const use = (i: number) => {
    for (const next of [batch, short]) {
      step(engine, next, RATE, [1, i]);
      engine.logits(next);
    }
    engine.setWeights(engine.getWeights());
  };
  use(0);
  const held = count();
  for (let i = 1; i < 4; i++) use(i);
  assert.deepEqual(count(), held);
  engine.dispose();
  assert.deepEqual(count(), before);
});
