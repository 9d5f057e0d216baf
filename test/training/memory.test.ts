import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MachineError } from '../../src/errors.ts';
import { withMemoryFor } from '../../src/training/memory.ts';

const fail = (message: string) => () => {
  throw new Error(message);
};

test('a step that TensorFlow has no memory for is answered with a batch size that needs half of it', () => {
  const reason = 'OOM when allocating tensor with shape[64,1,4096,32] and type float on /device:GPU:0';
  assert.throws(
    () => withMemoryFor(64, fail(`${reason}\n\t [[node Conv2D]]`)),
    (error) =>
      error instanceof MachineError &&
      error.message ===
        `TensorFlow ran out of memory in a batch of 64 samples (${reason}). --batch-size 32 needs about half of it`,
  );
  assert.throws(() => withMemoryFor(3, fail('CUDA_ERROR_OUT_OF_MEMORY: out of memory')), /--batch-size 2 /);
});

test('any other error stays what it is', () => {
  assert.throws(() => withMemoryFor(64, fail('no such node')), /^Error: no such node$/);
  assert.equal(
    withMemoryFor(64, () => 7),
    7,
  );
});
