import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PreconditionError } from '../../src/errors.ts';
import { changeText } from '../../src/pipeline/change.ts';
import type { ObjectStore } from '../../src/storage/store.ts';
import { createMemoryStore } from '../support/memory-store.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const read = async (store: ObjectStore) => new TextDecoder().decode(await store.read('text'));

test('no step of several that count at the same time is lost', async () => {
  const store = createMemoryStore();
  const count = () => changeText(store, 'text', async (text = '0') => String(Number(text) + 1));
  await Promise.all(Array.from({ length: 6 }, count));
  assert.equal(await read(store), '6');
});

test('a text that is removed or replaced between the look and the read is looked at again', async () => {
  for (const interfere of [
    (store: ObjectStore) => store.remove('text'),
    (store: ObjectStore) => store.write('text', bytes('b')),
  ]) {
    const memory = createMemoryStore();
    await memory.write('text', bytes('a'));
    let looks = 0;
    const store: ObjectStore = {
      ...memory,
      async head(key) {
        const info = await memory.head(key);
        looks += 1;
        if (looks === 1) await interfere(memory);
        return info;
      },
    };
    const seen: (string | undefined)[] = [];
    await changeText(store, 'text', async (text) => {
      seen.push(text);
      return `${text ?? ''}c`;
    });
    assert.deepEqual([seen.length, looks], [1, 2]);
    assert.equal(await read(memory), `${seen[0] ?? ''}c`);
    assert.notEqual(seen[0], 'a');
  }
});

test('what the edit throws is thrown at once, whatever it is', async () => {
  const store = createMemoryStore();
  let calls = 0;
  const edit = async () => {
    calls += 1;
    throw new PreconditionError('another object');
  };
  await assert.rejects(changeText(store, 'text', edit), PreconditionError);
  assert.equal(calls, 1);
});
