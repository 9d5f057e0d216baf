import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InputError, MachineError, NotFoundError } from '../../src/core/errors.ts';
import { SAMPLE_SIZE } from '../../src/core/strain.ts';
import { inspectFile } from '../../src/inspect/inspection.ts';
import { writeNpz } from '../../src/numpy/npz.ts';
import { createShardBuilder } from '../../src/records/shard.ts';
import type { ObjectStore } from '../../src/storage/store.ts';
import { createMemoryStore } from '../support/memory-store.ts';
import { markedSamples } from '../support/samples.ts';
import { packTar } from '../support/tar.ts';

const COUNT = 100;
const stack = { dtype: '<f8', shape: [COUNT, 3, 4096], data: markedSamples(0, COUNT) } as const;
const other = { dtype: '<f8', shape: [2], data: Float64Array.of(-1, 3) } as const;

for (const compress of [false, true]) {
  const how = compress ? 'deflated' : 'stored';
  test(`an archive of raw samples, ${how}, is inspected without being held whole`, async () => {
    const memory = createMemoryStore();
    const lengths: number[] = [];
    const store: ObjectStore = {
      ...memory,
      read(key, range, options) {
        lengths.push(range?.length ?? Number.POSITIVE_INFINITY);
        return memory.read(key, range, options);
      },
    };
    await memory.write('raw.npz', await writeNpz({ stack }, { compress }));
    const { kind, facts } = await inspectFile(store, 'raw.npz');
    assert.deepEqual([kind, facts], ['raw samples', { samples: COUNT, good: COUNT }]);
    assert.ok(lengths.length > 0 && Math.max(...lengths) <= 8 << 20, `${lengths}`);
  });

  test(`an archive of other arrays, ${how}, is described, and a broken one refused`, async () => {
    const store = createMemoryStore();
    const bytes = await writeNpz({ other }, { compress });
    await store.write('x.npz', bytes);
    const { kind, rows } = await inspectFile(store, 'x.npz');
    assert.equal(kind, 'arrays');
    assert.deepEqual(rows[1], ['other', '<f8', '(2)', '-1.000', '3.000']);
    for (const at of [40, 60, 150]) {
      await store.write(
        'x.npz',
        bytes.map((byte, i) => (i === at ? byte ^ 0xff : byte)),
      );
      await assert.rejects(inspectFile(store, 'x.npz'), InputError, `${at}`);
    }
    await store.write('x.npz', bytes.subarray(0, bytes.length - 30));
    await assert.rejects(inspectFile(store, 'x.npz'), InputError);
  });
}

test('a missing object and a missing bucket are reported', async () => {
  const store = createMemoryStore();
  const nowhere = {
    ...store,
    read: () => Promise.reject(new MachineError('cannot read s3://nobucket/x: there is no such bucket')),
  };
  for (const key of ['x.npy', 'x.npz', 'x.tar']) {
    await assert.rejects(inspectFile(store, key), NotFoundError);
    await assert.rejects(inspectFile(nowhere, key), /no such bucket/);
  }
});

test('an archive without a sample or an array is not well', async () => {
  const store = createMemoryStore();
  await store.write('x.tar', packTar([{ name: 'a.txt', content: Buffer.from('x') }]));
  await store.write('x.npz', await writeNpz({}));
  assert.deepEqual((await inspectFile(store, 'x.tar')).faults, [
    'no samples: it holds no .npy file of shape (3, 4096) or a stack of these',
  ]);
  assert.deepEqual((await inspectFile(store, 'x.npz')).faults, ['no arrays']);
});

test('NaN and Inf in records are faults, each with the record', async () => {
  for (const dtype of ['float16', 'float32'] as const) {
    const store = createMemoryStore();
    const shard = createShardBuilder(dtype, 3);
    for (const value of [1, Number.NaN, Number.NEGATIVE_INFINITY]) {
      const signal = new Float32Array(SAMPLE_SIZE).fill(0.5);
      signal[7] = value;
      shard.add('a', 0, signal);
    }
    await store.write('x.tfrecord', shard.finish());
    const { facts, faults } = await inspectFile(store, 'x.tfrecord');
    assert.equal(facts.records, 3);
    assert.match(
      faults.join('\n'),
      /^record 1 at byte \d+ has NaN at index 7.*\nrecord 2 .* has -Infinity at index 7 of the signal$/,
    );
  }
});
