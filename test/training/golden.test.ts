import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import type { Tensor3D } from '@tensorflow/tfjs-node-gpu';
import { createDiyModel } from '../../src/model/diy.ts';
import { checkWeights, type Weights } from '../../src/model/weights.ts';
import type { NpyArray } from '../../src/numpy/npy.ts';
import { readNpz } from '../../src/numpy/npz.ts';
import { SAMPLE_SIZE } from '../../src/strain.ts';
import { createAdamW } from '../../src/training/adamw.ts';
import { trainStep } from '../../src/training/step.ts';
import { largestDifference, tf } from '../model/tensorflow.ts';
import { fixture } from '../support/fixtures.ts';

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

function train(learningRate: number): Run {
  const model = createDiyModel(tf, weightsOf('init/'), { dropout: 0 });
  const optimizer = createAdamW(tf, model.variables.values());
  const losses = Array.from({ length: steps }, (_, step) => {
    const signals = x.subarray(step * batchSize * SAMPLE_SIZE, (step + 1) * batchSize * SAMPLE_SIZE);
    const labels = y.subarray(step * batchSize, (step + 1) * batchSize);
    return trainStep(tf, model, optimizer, { size: batchSize, signals, labels, ids: [] }, learningRate, [
      0,
      step,
    ]);
  });
  const weights = model.getWeights();
  optimizer.dispose();
  model.dispose();
  return { losses, weights };
}

/** Where two runs differ by more than two builds of TensorFlow do. */
function listDifferences(actual: Run, expected: Run): string[] {
  const faults: string[] = [];
  for (const [step, loss] of expected.losses.entries()) {
    const difference = Math.abs(actual.losses[step]! / loss - 1);
    if (!(difference <= (step < 2 ? 2e-5 : 5e-3))) faults.push(`loss of step ${step + 1}: ${difference}`);
  }
  for (const [name, { data }] of expected.weights) {
    // The biases in front of a batch norm have no gradient but rounding, and the moving means follow them.
    if (!name.endsWith('_W')) continue;
    const differences = data.map((value, i) => Math.abs(actual.weights.get(name)!.data[i]! - value)).sort();
    const median = differences[differences.length >> 1]!;
    if (!(median <= 1e-4)) faults.push(`median of ${name}: ${median}`);
  }
  return faults;
}

const learningRate = numbers('learning_rate')[0]!;
const run = train(learningRate);

test('the initial weights predict the golden probabilities', () => {
  const model = createDiyModel(tf, weightsOf('init/'), { dropout: 0 });
  const signals = tf.tensor(x.subarray(0, batchSize * SAMPLE_SIZE), [batchSize, 3, 4096]) as Tensor3D;
  const probabilities = model.predict(signals).dataSync();
  assert.ok(largestDifference(probabilities, numbers('p_init')) <= 1e-5);
  assert.ok(largestDifference(probabilities, numbers('p_final')) > 1e-3);
  model.dispose();
});

test('six steps of AdamW go the golden way', () => {
  assert.deepEqual(listDifferences(run, golden), []);
});

test('the golden comparison sees a learning rate that is a hundredth off', () => {
  const faults = listDifferences(train(learningRate * 1.01), golden);
  assert.ok(
    faults.some((fault) => fault.startsWith('loss of step 2')),
    faults.join(', '),
  );
  const weights = new Map(golden.weights);
  const { dtype, shape, data } = weights.get('fc2_W')!;
  weights.set('fc2_W', { dtype, shape, data: data.map((value) => value + 2e-4) });
  assert.match(listDifferences({ ...run, weights }, golden).join(), /median of fc2_W/);
});

test('AdamW decays every variable, those without a gradient too', () => {
  const variables = [
    tf.variable(tf.scalar(2)),
    tf.variable(tf.scalar(2)),
    tf.variable(tf.scalar(2), false),
  ] as const;
  const optimizer = createAdamW(tf, variables);
  const gradient = tf.scalar(-3);
  optimizer.update({ [variables[0].name]: gradient }, 0.1);
  const [stepped, decayed, still] = variables.map((variable) => variable.dataSync()[0]!);
  // The first step of Adam is the learning rate, whatever the gradient.
  assert.ok(Math.abs(stepped! - (2 * (1 - 0.1 * 1e-4) + 0.1)) < 1e-6);
  assert.ok(Math.abs(decayed! - 2 * (1 - 0.1 * 1e-4)) < 1e-7);
  assert.equal(still, 2);
  optimizer.dispose();
  tf.dispose([...variables, gradient]);
});
