import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { SAMPLE_SIZE } from '../../src/core/strain.ts';
import { checkWeights, type Weights } from '../../src/model/weights.ts';
import { readNpz } from '../../src/numpy/npz.ts';
import { createAdamW, updateFactors } from '../../src/training/engine/adamw.ts';
import { createEngine, type EngineKind } from '../../src/training/engine/engines.ts';
import { sigmoid } from '../../src/training/fit/logit.ts';
import { createBatch } from '../../src/training/input/batch.ts';
import { completeSettings } from '../../src/training/settings.ts';
import { largestDifference, tf } from '../model/tensorflow.ts';
import { fixture } from '../support/fixtures.ts';
import { step } from './two-steps.ts';

interface Run {
  /** Loss of each step. */
  losses: number[];
  /** Of the kernels and matrices after the last step, every 7th value. */
  weights: Map<string, Float32Array>;
}

const path = fixture('training-golden.npz');
const arrays = await readNpz(await readFile(path), path);
const numbers = (name: string): Float32Array =>
  Float32Array.from(arrays.get(name)!.data as ArrayLike<number>);
const [steps, batchSize] = arrays.get('x')!.shape as [number, number, number, number];
const x = numbers('x');
const y = numbers('y');
const initial: Weights = checkWeights(
  'diy',
  new Map(
    [...arrays]
      .filter(([key]) => key.startsWith('init/'))
      .map(([key, { shape }]) => [key.slice('init/'.length), { shape, data: numbers(key) }]),
  ),
  path,
);
// The gradient of a bias before a batch norm is only rounding, and the moving means follow these biases; so neither is compared.
const compared = [...initial.keys()].filter((name) => name.endsWith('_W'));
const golden: Run = {
  losses: [...numbers('loss')],
  weights: new Map(compared.map((name) => [name, numbers(`final/${name}`)])),
};

const settings = completeSettings({ preset: 'diy', dropout_rate: 0 }, 'cpu');
const start = (kind: EngineKind) => createEngine(tf, kind, initial, settings);
const batchOf = (step: number) =>
  createBatch(
    tf,
    x.subarray(step * batchSize * SAMPLE_SIZE, (step + 1) * batchSize * SAMPLE_SIZE),
    y.subarray(step * batchSize, (step + 1) * batchSize),
  );

function train(kind: EngineKind, learningRate: number): Run {
  const engine = start(kind);
  const losses = Array.from({ length: steps }, (_, number) =>
    step(engine, batchOf(number), learningRate, [0, number]),
  );
  const weights = engine.getWeights();
  engine.dispose();
  const thin = (name: string) => weights.get(name)!.data.filter((_, i) => i % 7 === 0);
  return { losses, weights: new Map(compared.map((name) => [name, thin(name)])) };
}

/** Differences between two runs that are larger than those between two builds of TensorFlow. */
function listDifferences(actual: Run, expected: Run): string[] {
  const faults: string[] = [];
  for (const [step, loss] of expected.losses.entries()) {
    const difference = Math.abs(actual.losses[step]! / loss - 1);
    if (!(difference <= (step < 2 ? 2e-5 : 5e-3))) faults.push(`loss of step ${step + 1}: ${difference}`);
  }
  for (const [name, values] of expected.weights) {
    const differences = values.map((value, i) => Math.abs(actual.weights.get(name)![i]! - value)).sort();
    const median = differences[differences.length >> 1]!;
    if (!(median <= 1e-4)) faults.push(`median of ${name}: ${median}`);
  }
  return faults;
}

const learningRate = numbers('learning_rate')[0]!;
const runs = { graph: train('graph', learningRate), eager: train('eager', learningRate) };

for (const kind of ['graph', 'eager'] as const) {
  test(`the initial weights predict the golden probabilities (${kind})`, () => {
    const engine = start(kind);
    const probabilities = engine.logits(batchOf(0)).map(sigmoid);
    assert.ok(largestDifference(probabilities, numbers('p_init')) <= 1e-5);
    assert.ok(largestDifference(probabilities, numbers('p_final')) > 1e-3);
    engine.dispose();
  });

  test(`six steps of AdamW give the golden losses and weights (${kind})`, () => {
    assert.deepEqual(listDifferences(runs[kind], golden), []);
  });
}

test('the golden comparison detects a learning rate that is 1 % off', () => {
  const faults = listDifferences(train('graph', learningRate * 1.01), golden);
  assert.ok(
    faults.some((fault) => fault.startsWith('loss of step 2')),
    faults.join(', '),
  );
});

test('the golden comparison detects each array of weights that is wrong by twice its tolerance', () => {
  assert.equal(compared.length, 7);
  for (const name of compared) {
    const wrong = golden.weights.get(name)!.map((value) => value + 2e-4);
    const weights = new Map(golden.weights).set(name, wrong);
    assert.match(listDifferences({ ...golden, weights }, golden).join(), new RegExp(`^median of ${name}`));
  }
});

test('AdamW decays every trainable variable, even without a gradient', () => {
  const variables = [tf.variable(tf.scalar(2)), tf.variable(tf.tensor2d([[2]]))];
  const optimizer = createAdamW(tf, variables);
  const gradient = tf.tensor1d([-3, 0]);
  optimizer.update(gradient, updateFactors(0.1, 1));
  const [stepped, decayed] = variables.map((variable) => variable.dataSync()[0]!);
  // The first step of Adam is the learning rate, whatever the gradient.
  assert.ok(Math.abs(stepped! - (2 * (1 - 0.1 * 1e-4) + 0.1)) < 1e-6);
  assert.ok(Math.abs(decayed! - 2 * (1 - 0.1 * 1e-4)) < 1e-7);
  optimizer.dispose();
  tf.dispose([...variables, gradient]);
});
