import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { SAMPLE_SIZE } from '../../src/core/strain.ts';
import { checkWeights, type Weights } from '../../src/model/weights.ts';
import type { NpyArray } from '../../src/numpy/npy.ts';
import { readNpz } from '../../src/numpy/npz.ts';
import { createAdamW, updateFactors } from '../../src/training/engine/adamw.ts';
import { createEngine, type EngineKind } from '../../src/training/engine/engines.ts';
import { createBatch } from '../../src/training/input/batch.ts';
import { completeSettings } from '../../src/training/settings.ts';
import { largestDifference, tf } from '../model/tensorflow.ts';
import { fixture } from '../support/fixtures.ts';
import { step } from './two-steps.ts';

interface Run {
  /** Loss of each step. */
  losses: number[];
  /** After the last step. */
  weights: Weights;
}

const path = fixture('training-golden.npz');
const arrays = await readNpz(await readFile(path), path);
const numbers = (name: string): Float32Array =>
  Float32Array.from(arrays.get(name)!.data as ArrayLike<number>);
const weightsOf = (prefix: string): Weights =>
  checkWeights(
    'diy',
    new Map<string, NpyArray>(
      [...arrays].flatMap(([name, array]) =>
        name.startsWith(prefix) ? [[name.slice(prefix.length), array]] : [],
      ),
    ),
    path,
  );
const [steps, batchSize] = arrays.get('x')!.shape as [number, number, number, number];
const x = numbers('x');
const y = numbers('y');
const golden: Run = { losses: [...numbers('loss')], weights: weightsOf('final/') };

const settings = completeSettings({ preset: 'diy', dropout_rate: 0 }, 'cpu');
const start = (kind: EngineKind) => createEngine(tf, kind, weightsOf('init/'), settings);
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
  return { losses, weights };
}

/** Differences between two runs that are larger than those between two builds of TensorFlow. */
function listDifferences(actual: Run, expected: Run): string[] {
  const faults: string[] = [];
  for (const [step, loss] of expected.losses.entries()) {
    const difference = Math.abs(actual.losses[step]! / loss - 1);
    if (!(difference <= (step < 2 ? 2e-5 : 5e-3))) faults.push(`loss of step ${step + 1}: ${difference}`);
  }
  for (const [name, { data }] of expected.weights) {
    // The gradient of a bias before a batch norm is only rounding, and the moving means follow these biases.
    if (!name.endsWith('_W')) continue;
    const differences = data.map((value, i) => Math.abs(actual.weights.get(name)!.data[i]! - value)).sort();
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
    const probabilities = engine.predict(batchOf(0));
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
  const weights = new Map(golden.weights);
  const { dtype, shape, data } = weights.get('fc2_W')!;
  weights.set('fc2_W', { dtype, shape, data: data.map((value) => value + 2e-4) });
  assert.match(listDifferences({ ...runs.graph, weights }, golden).join(), /median of fc2_W/);
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
