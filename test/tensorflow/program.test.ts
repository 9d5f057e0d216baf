import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import type { Scalar, Tensor } from '@tensorflow/tfjs-node-gpu';
import { MachineError } from '../../src/core/errors.ts';
import { nodeBackend } from '../../src/tensorflow/graph/bind.ts';
import { recordProgram } from '../../src/tensorflow/graph/graph-program.ts';
import { tf } from '../model/tensorflow.ts';
import { setEnvironment } from '../support/emulator.ts';
import { scratch } from '../support/fixtures.ts';

const values = (tensors: readonly Tensor[]) => tensors.map((tensor) => [...tensor.dataSync()]);

test('recorded work runs on other inputs, and updates the program’s variables, not the recorded ones', () => {
  const total = tf.variable(tf.tensor1d([1, 2]), false);
  const x = tf.tensor2d([[1, 2]]);
  const program = recordProgram(tf, [[total]], [x], () => {
    // Reshapes there and back, which tfjs does without an op.
    total.assign(total.reshape([1, 2]).add(x).reshape([2]));
    return { outputs: [total.mul(2), ...tf.split(x, 2, 1)] };
  });
  assert.deepEqual(values([total]), [[1, 2]]);
  program.write([tf.tensor1d([10, 20])]);
  const inputs = [tf.tensor2d([[3, 4]])];
  assert.deepEqual(values(program.run(inputs)), [[26, 48], [3], [4]]);
  assert.deepEqual(values(program.run(inputs)), [[32, 56], [3], [4]]);
  assert.deepEqual(values(program.read([0])), [[16, 28]]);
  assert.deepEqual(values([total]), [[1, 2]]);
  program.dispose();
});

test('variables keep their values if commit is false', () => {
  const state = tf.variable(tf.scalar(1), false);
  const x = tf.scalar(1);
  const program = recordProgram(tf, [[state]], [x], () => {
    state.assign(state.div(x));
    return { outputs: [state], commit: x.greater(0) as Scalar };
  });
  program.write([tf.tensor1d([8])]);
  assert.deepEqual(values(program.run([tf.scalar(2)])), [[4]]);
  assert.deepEqual(values(program.run([tf.scalar(0)])), [[Number.POSITIVE_INFINITY]]);
  assert.deepEqual(values(program.read([0])), [[4]]);
  program.dispose();
});

test('large constants are refused, as is reading a value; afterwards tfjs works as before', () => {
  const data = tf.randomUniform([140, 140]);
  const state = tf.variable(tf.scalar(1), false);
  const record = (work: () => Tensor) => () =>
    recordProgram(tf, [[state]], [], () => {
      state.assign(tf.scalar(2));
      return { outputs: [work()] };
    });
  assert.throws(
    record(() => data.add(1)),
    /a constant of 19600 values \(140 x 140\)/,
  );
  assert.throws(
    record(() => tf.scalar(state.add(1).dataSync()[0]!)),
    /a value was read/,
  );
  assert.deepEqual(values([state, tf.scalar(2).add(3)]), [[1], [5]]);
  assert.ok(!Object.hasOwn(nodeBackend(tf), 'executeSingleOutput'));
  const program = record(() => tf.ones([140, 140]).add(1).sum())();
  program.write([state.reshape([1])]);
  assert.deepEqual(values(program.run([])), [[39200]]);
  program.dispose();
});

test('a wrong number or shape of inputs is refused', () => {
  const x = tf.tensor1d([1, 2]);
  const program = recordProgram(tf, [], [x], () => ({ outputs: [x.mul(2)] }));
  assert.throws(() => program.run([]), /0 tensors for 1 placeholders/);
  assert.throws(() => program.run([tf.tensor1d([1, 2, 3])]), /input_0/);
  assert.deepEqual(values(program.run([tf.tensor1d([3, 4])])), [[6, 8]]);
  program.dispose();
});

test('the graph’s file is removed once it is loaded, and a folder that can’t be written is named', (t) => {
  const folder = scratch(t);
  const x = tf.tensor1d([1, 2]);
  const record = () => recordProgram(tf, [], [x], () => ({ outputs: [x.mul(2)] }));
  t.after(setEnvironment({ TMPDIR: folder }));
  record().dispose();
  assert.deepEqual(readdirSync(folder), []);
  t.after(setEnvironment({ TMPDIR: `${folder}/none` }));
  assert.throws(record, (error) => error instanceof MachineError && /none.*TMPDIR/.test(error.message));
});
