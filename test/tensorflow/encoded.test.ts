import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Tensor } from '@tensorflow/tfjs-node-gpu';
import { encodeFloat16 } from '../../src/core/float16.ts';
import { decodeFloats, type Encoded, encodeFloats } from '../../src/tensorflow/graph/encoded.ts';
import { recordProgram } from '../../src/tensorflow/graph/graph-program.ts';
import { tf } from '../model/tensorflow.ts';

const VALUES = Float32Array.of(0, -1.5, 65504, 2 ** -24, 1 / 3, -2);

function encodeHalves(values: Float32Array): Encoded {
  const bytes = new Uint8Array(values.length * 2);
  encodeFloat16(values, bytes, 0);
  return {
    tensor: tf.tensor(new Int32Array(bytes.buffer), [1, values.length / 2], 'int32'),
    type: 'float16',
    shape: [1, values.length],
  };
}

const rounded = Float32Array.from(VALUES, (value) => (value === Math.fround(1 / 3) ? 0.333251953125 : value));

for (const compile of [false, true]) {
  test(`a program decodes floats that travel as int32 (${compile ? 'compiled' : 'plain'})`, () => {
    for (const [encoded, expected] of [
      [encodeFloats(tf, VALUES, [1, 6]), VALUES],
      [encodeHalves(VALUES), rounded],
    ] as const) {
      const program = recordProgram(tf, [], [encoded], ([x]) => ({ outputs: [x!.add(0)] }), { compile });
      const [result] = program.run([encoded]) as [Tensor];
      assert.deepEqual(result.shape, [1, 6]);
      assert.deepEqual([...result.dataSync()], [...expected]);
      assert.deepEqual(decodeFloats(tf, encoded).dataSync(), expected);
      assert.throws(() => program.run([encodeFloats(tf, VALUES, [6])]), /input_0: found a tensor \[6\]/);
      program.dispose();
    }
  });
}
