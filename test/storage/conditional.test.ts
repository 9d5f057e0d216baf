import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ambient } from '../../src/core/ambient.ts';
import { ConflictError, NotFoundError, PreconditionError } from '../../src/core/errors.ts';
import { compareAndSwap, putIfAbsent, putIfSame } from '../../src/storage/conditional.ts';
import type { ObjectStore } from '../../src/storage/store.ts';
import { createMemoryStore } from '../support/memory-store.ts';

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const read = async (store: ObjectStore) => decode(await store.read('object'));
const edit = (change: (text: string | undefined) => string) => async (bytes: Uint8Array | undefined) =>
  encode(change(bytes && decode(bytes)));

test('concurrent increments of a counter are not lost', async () => {
  const store = createMemoryStore();
  const count = () =>
    compareAndSwap(
      store,
      'object',
      edit((text = '0') => String(Number(text) + 1)),
    );
  await Promise.all(Array.from({ length: 12 }, count));
  assert.equal(await read(store), '12');
});

test('an object that is removed or overwritten between head and read is read again', async () => {
  for (const interfere of [
    (store: ObjectStore) => store.remove('object'),
    (store: ObjectStore) => store.write('object', encode('b')),
  ]) {
    const memory = createMemoryStore();
    await memory.write('object', encode('a'));
    let heads = 0;
    const store: ObjectStore = {
      ...memory,
      async head(key) {
        const info = await memory.head(key);
        heads += 1;
        if (heads === 1) await interfere(memory);
        return info;
      },
    };
    const seen: (string | undefined)[] = [];
    await compareAndSwap(
      store,
      'object',
      edit((text) => {
        seen.push(text);
        return `${text ?? ''}c`;
      }),
    );
    assert.deepEqual([seen.length, heads], [1, 2]);
    assert.equal(await read(memory), `${seen[0] ?? ''}c`);
    assert.notEqual(seen[0], 'a');
  }
});

test('an object that another writer creates or overwrites before the write is read and edited again', async () => {
  for (const there of [undefined, 'a']) {
    const memory = createMemoryStore();
    if (there !== undefined) await memory.write('object', encode(there));
    const seen: (string | undefined)[] = [];
    await compareAndSwap(memory, 'object', async (bytes) => {
      seen.push(bytes && decode(bytes));
      if (seen.length === 1) await memory.write('object', encode('b'));
      return encode(`${bytes === undefined ? '' : decode(bytes)}c`);
    });
    assert.deepEqual(seen, [there, 'b']);
    assert.equal(await read(memory), 'bc');
  }
});

test('a change whose response was lost is not made twice', async () => {
  const memory = createMemoryStore();
  let writes = 0;
  const store: ObjectStore = {
    ...memory,
    async write(key, ...rest) {
      const info = await memory.write(key, ...rest);
      writes += 1;
      // The SDK's retry finds the object that its first attempt wrote.
      if (writes === 1) throw new PreconditionError(key);
      return info;
    },
  };
  await compareAndSwap(store, 'object', async (bytes) => {
    const names = bytes === undefined ? [] : decode(bytes).split(',');
    return names.includes('me') ? undefined : encode([...names, 'me'].join());
  });
  assert.deepEqual([writes, await read(memory)], [1, 'me']);
});

test('nothing is written when there is nothing to change', async () => {
  const memory = createMemoryStore();
  const { etag } = await memory.write('object', encode('a'));
  await compareAndSwap(memory, 'object', async () => undefined);
  await compareAndSwap(
    memory,
    'object',
    edit((text) => text!),
  );
  assert.equal((await memory.head('object'))?.etag, etag);
  await compareAndSwap(memory, 'none', async () => undefined);
  assert.equal(await memory.head('none'), undefined);
});

test('an error of the edit is thrown at once, whatever its class', async () => {
  const store = createMemoryStore();
  for (const failure of [new PreconditionError('another object'), new NotFoundError('another object')]) {
    let calls = 0;
    const broken = async () => {
      calls += 1;
      throw failure;
    };
    await assert.rejects(compareAndSwap(store, 'object', broken), failure);
    assert.equal(calls, 1);
  }
});

test('an error of the store is thrown at once, and contention is given up after 50 attempts', async (t) => {
  t.mock.method(ambient, 'sleep', async () => {});
  for (const [failure, expected] of [
    [new Error('SlowDown'), 1],
    [new PreconditionError('object'), 50],
  ] as const) {
    let calls = 0;
    const store: ObjectStore = {
      ...createMemoryStore(),
      async write() {
        calls += 1;
        throw failure;
      },
    };
    await assert.rejects(
      compareAndSwap(
        store,
        'object',
        edit(() => 'a'),
      ),
      failure,
    );
    assert.equal(calls, expected);
  }
});

test('putIfSame creates an object, accepts the same bytes, and refuses different bytes by name', async () => {
  const store = createMemoryStore();
  await putIfSame(store, 'object', encode('a'));
  const { etag } = (await store.head('object'))!;
  await putIfSame(store, 'object', encode('a'));
  await assert.rejects(putIfSame(store, 'object', encode('b')), (error: unknown) => {
    assert.ok(error instanceof ConflictError);
    assert.match(error.message, /object exists with different bytes/);
    return true;
  });
  assert.equal((await store.head('object'))?.etag, etag);
});

test('putIfAbsent keeps an existing object and reports whether it created one', async () => {
  const store = createMemoryStore();
  assert.equal(await putIfAbsent(store, 'object', encode('a')), true);
  assert.equal(await putIfAbsent(store, 'object', encode('b')), false);
  assert.equal(await read(store), 'a');
  const broken: ObjectStore = {
    ...store,
    write: async () => {
      throw new Error('SlowDown');
    },
  };
  await assert.rejects(putIfAbsent(broken, 'object', encode('c')), /SlowDown/);
});
