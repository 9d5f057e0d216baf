import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InputError, MachineError, NotFoundError } from '../../src/core/errors.ts';
import { inspectFile } from '../../src/inspect/inspection.ts';
import { writeNpz } from '../../src/numpy/npz.ts';
import type { ObjectStore } from '../../src/storage/store.ts';
import { createMemoryStore } from '../support/memory-store.ts';
import { markedSamples } from '../support/samples.ts';

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
