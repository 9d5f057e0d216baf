import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { InputError, NotFoundError, SettingError } from '../../src/core/errors.ts';
import { SAMPLE_SIZE } from '../../src/core/strain.ts';
import { FRAME_HEADER } from '../../src/records/tfrecord.ts';
import { createFileStore } from '../../src/storage/file/file-store.ts';
import type { ObjectStore } from '../../src/storage/store.ts';
import { decodeFloats } from '../../src/tensorflow/graph/encoded.ts';
import type { Batch } from '../../src/training/input/batch.ts';
import { countOpened } from '../../src/training/input/order.ts';
import {
  type InputSettings,
  openTrainingInput,
  type TrainingInput,
} from '../../src/training/input/record-input.ts';
import {
  findRecords,
  openRecords,
  type RecordSet,
  readRecordRange,
} from '../../src/training/input/records.ts';
import type { ShardFiles } from '../../src/training/input/shard-files.ts';
import { surveyRecords } from '../../src/training/input/survey.ts';
import { completeSettings } from '../../src/training/settings.ts';
import { tf } from '../model/tensorflow.ts';
import { scratch } from '../support/fixtures.ts';
import { createMemoryStore } from '../support/memory-store.ts';
import { makeSignal, makeToyRecords, toyFiles, toyId } from './toy.ts';

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

/** Ids and sizes of the batches. Each is read before the next one is requested. */
async function collectBatches(source: AsyncIterable<Batch>): Promise<{ ids: string[]; sizes: number[] }> {
  const ids: string[] = [];
  const sizes: number[] = [];
  for await (const batch of source) {
    assert.deepEqual(batch.signals.shape, [batch.size, 3, 4096]);
    ids.push(...(batch.ids.dataSync() as unknown as string[]));
    sizes.push(batch.size);
  }
  return { ids, sizes };
}

const ids = (first: number, end: number) => Array.from({ length: end - first }, (_, i) => toyId(first + i));

/** Opens an input for `use` and disposes of it afterwards. */
async function withInput<T>(
  set: RecordSet,
  given: Partial<InputSettings>,
  use: (input: TrainingInput) => Promise<T>,
  files: ShardFiles = toyFiles(set.store),
): Promise<T> {
  const input = openTrainingInput(tf, set, files, completeSettings({ batch_size: 4, ...given }, 'cpu'));
  try {
    return await use(input);
  } finally {
    input.dispose();
  }
}

/** The same store, and the names of the objects streamed from it. */
function watch(store: ObjectStore): { store: ObjectStore; streamed: string[] } {
  const streamed: string[] = [];
  return {
    streamed,
    store: {
      ...store,
      stream: (key, range) => {
        streamed.push(key);
        return store.stream(key, range);
      },
    },
  };
}

/** The shards of a store as one train.tfrecord in `folder`, as the reference writes it. */
async function mergeToy(source: ObjectStore, folder: string): Promise<ObjectStore> {
  const store = createFileStore(folder);
  const shards: Uint8Array[] = [];
  for await (const { key } of source.list('train-')) shards.push(await source.read(key));
  await store.write('train.tfrecord', Buffer.concat(shards));
  return store;
}

test('a pass starts at once, however long the last one took', async () => {
  const set = await openRecords(await makeToyRecords({ count: 12 }));
  await withInput(set, {}, async (input) => {
    // TensorFlow's tuning of datasets would sleep for longer and longer meanwhile.
    for await (const _ of input.training(1)) await setTimeout(1000);
    const start = performance.now();
    for await (const _ of input.validation()) break;
    assert.ok(performance.now() - start < 500, `${performance.now() - start} ms`);
  });
});

test('a range of records is read in order, and shards outside of it aren’t opened', async () => {
  const { store, streamed } = watch(await makeToyRecords({ count: 12, shardSize: 4 }));
  const set = await openRecords(store);
  assert.equal(set.count, 12);
  const records = await collect(readRecordRange(set, 5, 8));
  assert.deepEqual(
    records.map(({ id, label }) => [id, label]),
    [
      [toyId(5), 1],
      [toyId(6), 0],
      [toyId(7), 1],
    ],
  );
  assert.deepEqual(streamed, ['train-00001-of-00003.tfrecord']);
});

for (const dtype of ['float16', 'float32'] as const) {
  test(`${dtype} signals arrive in the batch as they were written`, async () => {
    const set = await openRecords(await makeToyRecords({ count: 6, dtype }));
    let seen = 0;
    await withInput(set, { batch_size: 2, validation_split: 0.5 }, async (input) => {
      for await (const { size, signals, labels } of input.validation()) {
        const [values, truths] = [decodeFloats(tf, signals).dataSync(), labels.dataSync()];
        for (let i = 0; i < size; i++, seen++) {
          assert.equal(truths[i], seen % 2);
          const expected = makeSignal(seen % 2 === 0 ? 0 : 1, 1, seen);
          const tolerance = dtype === 'float16' ? 2e-3 : 0;
          const actual = values.subarray(i * SAMPLE_SIZE, (i + 1) * SAMPLE_SIZE);
          assert.ok(expected.every((value, k) => Math.abs(actual[k]! - value) <= tolerance));
        }
      }
    });
    assert.equal(seen, 3);
  });
}

test('a single train.tfrecord is read, with and without the reference’s metadata.json', async (t) => {
  const toy = await makeToyRecords({ count: 10, shardSize: 4, dtype: 'float32' });
  const store = await mergeToy(toy, scratch(t));
  assert.equal((await openRecords(store)).count, 10);
  const metadata = { n_samples: 10, n_failed: 0, signal_shape: [3, 4096], dtype: 'float32' };
  await store.write('metadata.json', new TextEncoder().encode(JSON.stringify(metadata)));
  const set = await openRecords(store);
  assert.deepEqual([set.count, set.dtype], [10, 'float32']);
  await withInput(set, {}, async (input) => {
    assert.deepEqual((await collectBatches(input.validation())).ids, ids(0, 2));
    assert.deepEqual((await collectBatches(input.training(1))).ids.sort(), ids(2, 10));
  });
  const more = '{"n_samples": 11, "mean": NaN}';
  await store.write('metadata.json', new TextEncoder().encode(more));
  const refusal = /train\.tfrecord: found 10 records, needed 11, as metadata\.json says/;
  await assert.rejects(openRecords(store), refusal);
  await assert.rejects(surveyRecords(await findRecords(store)), refusal);
});

test('records that can’t be opened are named in the error', async () => {
  await assert.rejects(openRecords(createMemoryStore()), NotFoundError);
  const empty = createMemoryStore();
  await empty.write('train.tfrecord', new Uint8Array(0));
  await assert.rejects(openRecords(empty), /found no records, needed at least one record/);
  const store = await makeToyRecords({ count: 6, shardSize: 3 });
  const name = 'train-00001-of-00002.tfrecord';
  const shard = await store.read(name);
  await store.write(name, shard.subarray(1));
  await assert.rejects(
    openRecords(store),
    /00001-of-00002.*found \d+ bytes, needed \d+, as metadata\.json says/,
  );
  await store.remove(name);
  await assert.rejects(openRecords(store), NotFoundError);
});

/** Toy records with some changed bytes in the second shard. */
async function damage(
  count: number,
  change: (shard: Uint8Array, record: number) => void,
): Promise<RecordSet> {
  const store = await makeToyRecords({ count, shardSize: 8 });
  const name = 'train-00001-of-00002.tfrecord';
  const shard = await store.read(name);
  change(shard, shard.length / 8);
  await store.write(name, shard);
  return openRecords(store);
}

test('a damaged record is reported with its shard and offset, in both training and validation', async () => {
  const set = await damage(16, (shard, record) => {
    shard[2 * record + 1000]! ^= 1;
  });
  await withInput(set, {}, async (input) => {
    const expected = (error: unknown) =>
      error instanceof InputError &&
      /00001-of-00002\.tfrecord at byte \d+: found record data with masked CRC-32C/.test(error.message);
    await assert.rejects(collectBatches(input.training(1)), expected);
    assert.deepEqual((await collectBatches(input.validation())).ids, ids(0, 3));
  });
  await withInput(set, { folds: 2, fold: 1 }, (input) =>
    assert.rejects(collectBatches(input.validation()), /found record data with masked CRC/),
  );
});

test('an invalid label and a record of another type are reported', async () => {
  const label = await makeToyRecords({ count: 8, label: (i) => (i === 5 ? (7 as 1) : 0) });
  await withInput(await openRecords(label), {}, (input) =>
    assert.rejects(collectBatches(input.training(1)), /at byte \d+: found the label 7, needed 0 or 1/),
  );
  const [half, single] = await Promise.all([
    makeToyRecords({ count: 8, shardSize: 4 }),
    makeToyRecords({ count: 8, shardSize: 4, dtype: 'float32' }),
  ]);
  const name = 'train-00001-of-00002.tfrecord';
  const shard = await single.read(name);
  const metadata = JSON.parse(new TextDecoder().decode(await half.read('metadata.json')));
  metadata.shards[1].bytes = shard.length;
  await half.write(name, shard);
  await half.write('metadata.json', new TextEncoder().encode(JSON.stringify(metadata)));
  await withInput(await openRecords(half), {}, (input) =>
    assert.rejects(collectBatches(input.training(1)), /00001.* found a signal of float32, needed float16/),
  );
});

test('damaged records can be skipped: a flipped bit costs one, a damaged length the rest of its shard', async () => {
  const flipped = await damage(16, (shard, record) => {
    shard[2 * record + 1000]! ^= 1;
  });
  const { set, damages } = await surveyRecords(flipped);
  assert.deepEqual([set.count, damages.length], [15, 1]);
  // A damaged shard that is fetched from a bucket is checked against its current bytes.
  for (const { name, sha256 } of set.shards)
    assert.equal(
      sha256,
      createHash('sha256')
        .update(await set.store.read(name))
        .digest('hex'),
    );
  await withInput(set, {}, async (input) => {
    const left = [...ids(0, 10), ...ids(11, 16)];
    assert.deepEqual((await collectBatches(input.validation())).ids, left.slice(0, 3));
    assert.deepEqual((await collectBatches(input.training(1))).ids.sort(), left.slice(3));
    await input.examine();
  });
  const lost = await damage(16, (shard, record) => {
    shard[5 * record + FRAME_HEADER - 1]! ^= 1;
  });
  assert.equal((await surveyRecords(lost)).set.count, 13);
  const nan = await makeToyRecords({
    count: 8,
    edit: (signal, i) => {
      if (i === 3) signal[7] = Number.NaN;
    },
  });
  const survey = await surveyRecords(await openRecords(nan));
  assert.equal(survey.set.count, 7);
  assert.match(survey.damages[0]!.message, /found NaN at index 7 of the signal/);
});

test('validation is the first 20 %, in order; training is the rest, each record once per epoch', async () => {
  const set = await openRecords(await makeToyRecords({ count: 22, shardSize: 5 }));
  await withInput(set, {}, async (input) => {
    assert.deepEqual([input.validationCount, input.trainingCount], [4, 18]);
    assert.deepEqual(await collectBatches(input.validation()), { ids: ids(0, 4), sizes: [4] });
    const first = await collectBatches(input.training(1));
    assert.deepEqual(first.sizes, [4, 4, 4, 4, 2]);
    assert.deepEqual([...first.ids].sort(), ids(4, 22));
    assert.notDeepEqual(first.ids, ids(4, 22));
  });
});

test('each record is in the validation part of one fold, and in the training part of all others', async () => {
  const set = await openRecords(await makeToyRecords({ count: 11, shardSize: 4 }));
  const held: string[] = [];
  for (const fold of [0, 1, 2]) {
    await withInput(set, { folds: 3, fold }, async (input) => {
      const validation = (await collectBatches(input.validation())).ids;
      const training = (await collectBatches(input.training(1))).ids;
      assert.deepEqual([...validation, ...training].sort(), ids(0, 11));
      held.push(...validation);
    });
  }
  assert.deepEqual(held, ids(0, 11));
});

test('the order of training depends only on the seed and the epoch, and can be resumed anywhere', async () => {
  const set = await openRecords(await makeToyRecords({ count: 22, shardSize: 5 }));
  const order = (seed: number, epoch: number, done = 0, shuffle_buffer = 50_000) =>
    withInput(
      set,
      { seed, shuffle_buffer },
      async (input) => (await collectBatches(input.training(epoch, done))).ids,
    );
  const whole = await order(1, 1);
  assert.deepEqual(await order(1, 1), whole);
  assert.notDeepEqual(await order(1, 2), whole);
  assert.notDeepEqual(await order(2, 1), whole);
  for (const done of [1, 3, 4, 5]) assert.deepEqual(await order(1, 1, done), whole.slice(4 * done));
  const small = await order(1, 1, 0, 3);
  assert.deepEqual([...small].sort(), ids(4, 22));
  assert.deepEqual(await order(1, 1, 2, 3), small.slice(8));
});

test('a split with no record on one side is refused', async () => {
  const set = await openRecords(await makeToyRecords({ count: 4 }));
  for (const given of [{}, { validation_split: 0.1 }, { folds: 5, fold: 0 }])
    await assert.rejects(
      withInput(set, given, async () => {}),
      SettingError,
    );
});

test('training starts as soon as the shards of its first batches are ready', async () => {
  const set = await openRecords(await makeToyRecords({ count: 240, shardSize: 8 }));
  const files = toyFiles(set.store);
  const asked: string[] = [];
  const wanted: string[] = [];
  let given = Number.POSITIVE_INFINITY;
  const slow: ShardFiles = {
    path: files.path,
    want: (names) => void wanted.push(...names),
    ready: async (name) => {
      asked.push(name);
      given--;
      if (given < 0) throw new Error('not ready yet');
    },
  };
  await withInput(
    set,
    { validation_split: 0.1, shuffle_buffer: 8 },
    async (input) => {
      const batches = input.training(1)[Symbol.asyncIterator]();
      await batches.next();
      assert.ok(asked.length < 20, `training waited for ${asked.length} of 30 shards`);
      assert.deepEqual(asked, wanted.slice(0, asked.length));
      given = 0;
      await assert.rejects(collect({ [Symbol.asyncIterator]: () => batches }), /not ready yet/);
      given = Number.POSITIVE_INFINITY;
      assert.deepEqual((await collectBatches(input.training(1))).ids.sort(), ids(24, 240));
    },
    slow,
  );
});

test('the number of opened segments is the largest possible, and no larger', () => {
  const parts = [4, 8, 2, 8].map((take) => ({ shard: 's', offset: 0, skip: 0, take }));
  assert.deepEqual(
    [0, 1, 2, 5, 6, 100].map((records) => countOpened(parts, 1, records)),
    [1, 1, 2, 2, 3, 4],
  );
  assert.equal(countOpened(parts, 8, 0), 4);
});

test('the input leaks no tensor', async () => {
  const set = await openRecords(await makeToyRecords({ count: 12 }));
  const before = tf.memory().numTensors;
  await withInput(set, {}, async (input) => {
    for await (const _ of input.training(1)) break;
    await collectBatches(input.training(2));
  });
  assert.equal(tf.memory().numTensors, before);
});
