import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MachineError } from '../../src/core/errors.ts';
import { SAMPLE_SIZE } from '../../src/core/strain.ts';
import { withMemoryFor } from '../../src/training/engine/batch-memory.ts';
import { predictSignals } from '../../src/training/fit/predictor.ts';
import { tf } from '../model/tensorflow.ts';

const fail = (message: string) => () => {
  throw new Error(message);
};

test('when TensorFlow runs out of memory in a step, the error names a batch size that needs half of it', () => {
  const reason = 'OOM when allocating tensor with shape[64,1,4096,32] and type float on /device:GPU:0';
  assert.throws(
    () => withMemoryFor(64, fail(`${reason}\n\t [[node Conv2D]]`)),
    (error) =>
      error instanceof MachineError &&
      error.message ===
        `TensorFlow ran out of memory on a batch of 64 samples (${reason}). Use --batch-size 32, which needs about half the memory. \`nvidia-smi\` shows what else uses the GPU`,
  );
  assert.throws(() => withMemoryFor(3, fail('CUDA_ERROR_OUT_OF_MEMORY: out of memory')), /--batch-size 2,/);
  for (const size of [1, 2])
    assert.throws(
      () => withMemoryFor(size, fail(reason)),
      /on a batch of [12] samples .*Use a machine with more memory\. `nvidia-smi`/,
    );
});

test('when TensorFlow runs out of memory in a prediction, the error is the same', async () => {
  async function* samples() {
    for (let i = 0; i < 4; i++) yield new Float32Array(SAMPLE_SIZE);
  }
  const predicted = predictSignals(tf, { logits: fail('OOM when allocating tensor') }, samples(), 4);
  await assert.rejects(
    predicted.next(),
    /on a batch of 4 samples .*--batch-size 2, which needs about half the memory$/,
  );
});

test('any other error is passed on unchanged', () => {
  assert.throws(() => withMemoryFor(64, fail('no such node')), /^Error: no such node$/);
  assert.equal(
    withMemoryFor(64, () => 7),
    7,
  );
});
