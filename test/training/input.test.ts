import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InputError, NotFoundError, SettingError } from '../../src/errors.ts';
import { createRandomStream } from '../../src/random.ts';
import { createMemoryStore } from '../../src/storage/memory.ts';
import type { ObjectStore } from '../../src/storage/store.ts';
import { SAMPLE_SIZE } from '../../src/strain.ts';
import type { Batch } from '../../src/training/batch.ts';
import { splitRecords } from '../../src/training/input.ts';
import { openRecords, readRecordRange } from '../../src/training/records.ts';
import { shuffle } from '../../src/training/shuffle.ts';
import { makeSignal, makeToyRecords, toyId } from './toy.ts';

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

/** Ids and sizes of the batches, each looked at before the next one is asked for. */
async function collectBatches(source: AsyncIterable<Batch>): Promise<{ ids: string[]; sizes: number[] }> {
  const ids: string[] = [];
  const sizes: number[] = [];
  for await (const batch of source) {
    assert.equal(batch.ids.length, batch.size);
    ids.push(...batch.ids);
    sizes.push(batch.size);
  }
  return { ids, sizes };
}

const ids = (first: number, end: number) => Array.from({ length: end - first }, (_, i) => toyId(first + i));

/** The same store, and the names of what was streamed from it. */
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

/** The shards of a store as one train.tfrecord, as the reference writes it. */
async function mergeToy(source: ObjectStore): Promise<ObjectStore> {
  const store = createMemoryStore();
  const shards: Uint8Array[] = [];
  for await (const { key } of source.list('train-')) shards.push(await source.read(key));
  await store.write('train.tfrecord', Buffer.concat(shards));
  return store;
}

test('a range of records comes in order, and shards outside of it aren’t opened', async () => {
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
    const input = splitRecords(set, { batchSize: 2, validationSplit: 0.5, seed: 1 });
    let seen = 0;
    for await (const { size, signals, labels } of input.validation()) {
      for (let i = 0; i < size; i++, seen++) {
        const expected = makeSignal(labels[i] === 1 ? 1 : 0, 1, seen);
        const tolerance = dtype === 'float16' ? 2e-3 : 0;
        const actual = signals.subarray(i * SAMPLE_SIZE, (i + 1) * SAMPLE_SIZE);
        assert.ok(expected.every((value, k) => Math.abs(actual[k]! - value) <= tolerance));
      }
    }
    assert.equal(seen, 3);
  });
}

test('a lone train.tfrecord is opened too, beside the reference’s metadata.json as well', async () => {
  const store = await mergeToy(await makeToyRecords({ count: 5, shardSize: 2, dtype: 'float32' }));
  assert.equal((await openRecords(store)).count, 5);
  const metadata = { n_samples: 5, n_failed: 0, signal_shape: [3, 4096], dtype: 'float32' };
  await store.write('metadata.json', new TextEncoder().encode(JSON.stringify(metadata)));
  const set = await openRecords(store);
  const records = await collect(readRecordRange(set, 0, set.count));
  assert.deepEqual(
    records.map(({ id }) => id),
    ids(0, 5),
  );
});

test('what can’t be opened is named', async () => {
  await assert.rejects(openRecords(createMemoryStore()), NotFoundError);
  const empty = createMemoryStore();
  await empty.write('train.tfrecord', new Uint8Array(0));
  await assert.rejects(openRecords(empty), /found no records, needed at least one record/);
});

test('a shard with fewer records than metadata.json says, or a damaged one, is an error that names it', async () => {
  const store = await makeToyRecords({ count: 6, shardSize: 3 });
  const name = 'train-00001-of-00002.tfrecord';
  const shard = await store.read(name);
  const set = await openRecords(store);
  const read = () => collect(readRecordRange(set, 0, 6));
  await store.write(name, shard.slice(0, (shard.length / 3) * 2));
  await assert.rejects(
    read(),
    (error) => error instanceof InputError && /00001-of-00002.*found 2 records, needed 3/.test(error.message),
  );
  const damaged = shard.slice();
  damaged[shard.length - 100]! ^= 1;
  await store.write(name, damaged);
  await assert.rejects(read(), (error) => error instanceof InputError && error.message.includes(name));
});

test('validation is the first 20 %, in order; training is the rest, each record once an epoch', async () => {
  const set = await openRecords(await makeToyRecords({ count: 22 }));
  const input = splitRecords(set, { batchSize: 4, seed: 1 });
  assert.deepEqual([input.validationCount, input.trainingCount], [4, 18]);
  assert.deepEqual(await collectBatches(input.validation()), { ids: ids(0, 4), sizes: [4] });
  const first = await collectBatches(input.training(1));
  assert.deepEqual(first.sizes, [4, 4, 4, 4, 2]);
  assert.deepEqual([...first.ids].sort(), ids(4, 22));
  assert.notDeepEqual(first.ids, ids(4, 22));
});

test('the order of training depends on the seed and the epoch alone', async () => {
  const set = await openRecords(await makeToyRecords({ count: 22 }));
  const order = async (seed: number, epoch: number, shuffleBuffer = 50_000) =>
    (await collectBatches(splitRecords(set, { batchSize: 4, seed, shuffleBuffer }).training(epoch))).ids;
  assert.deepEqual(await order(1, 1), await order(1, 1));
  assert.notDeepEqual(await order(1, 1), await order(1, 2));
  assert.notDeepEqual(await order(1, 1), await order(2, 1));
  assert.deepEqual(await order(1, 1, 1), ids(4, 22));
});

test('a split that leaves no record on one side is refused', async () => {
  const set = await openRecords(await makeToyRecords({ count: 4 }));
  assert.throws(() => splitRecords(set, { batchSize: 4, seed: 1 }), SettingError);
  assert.throws(() => splitRecords(set, { batchSize: 4, seed: 1, validationSplit: 1 }), SettingError);
});

test('the shuffle buffer never holds more than its size, and all orders of three come about equally often', async () => {
  let taken = 0;
  async function* count(to: number) {
    for (let i = 0; i < to; i++) {
      taken++;
      yield i;
    }
  }
  let given = 0;
  for await (const _ of shuffle(count(100), 10, createRandomStream(1, 0, 0))) {
    given++;
    assert.ok(taken - given <= 10);
  }
  assert.equal(given, 100);

  const orders = new Map<string, number>();
  for (let seed = 0; seed < 3000; seed++) {
    const order = (await collect(shuffle(count(3), 10, createRandomStream(seed, 0, 0)))).join('');
    orders.set(order, (orders.get(order) ?? 0) + 1);
  }
  assert.equal(orders.size, 6);
  for (const times of orders.values()) assert.ok(Math.abs(times - 500) < 5 * Math.sqrt(500));
});
