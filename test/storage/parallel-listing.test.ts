import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createListers, type ListPart, listInParts } from '../../src/storage/parallel-listing.ts';
import type { ObjectInfo, ObjectStore } from '../../src/storage/store.ts';
import { createMemoryStore } from '../support/memory-store.ts';

const DIGITS = [...'0123456789abcdef'];

async function storeOf(keys: Iterable<string>): Promise<ObjectStore> {
  const store = createMemoryStore();
  for (const key of keys) await store.write(key, new Uint8Array(3));
  return store;
}

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const listAll = async (store: ObjectStore, listers = createListers(store), accept = (_: string) => true) =>
  (await collect(listInParts(store, listers, accept))).flat();

test('a listing in parts equals the sequential listing, for any layout of folders', async () => {
  const kaggle = DIGITS.flatMap((a) => DIGITS.map((b) => `train/${a}/${b}/${a}${b}0.npy`));
  const layouts = [
    [],
    ['a'],
    ['labels.csv', ...kaggle],
    ['a.b', 'a/b', 'a0', 'a/c/d', 'b/1', 'b-/2', 'ä/3', '\u{1f30a}/4', '\uff5e'],
    ['one/two/three/four/five/six.npy', 'one/two/three/four/x', 'one/z'],
    DIGITS.map((digit) => `flat-${digit}`),
  ];
  for (const keys of layouts) {
    const store = await storeOf(keys);
    assert.deepEqual(await listAll(store), await collect(store.list('')));
  }
});

test('every part is listed once, by a lister that is free', async () => {
  const store = await storeOf(DIGITS.flatMap((a) => [`train/${a}/x`, `train/${a}/y`]));
  const taken: [lister: number, prefix: string][] = [];
  const listers = [1, 50].map(
    (wait, lister): ListPart =>
      async (prefix) => {
        taken.push([lister, prefix]);
        await sleep(wait);
        return collect(store.list(prefix));
      },
  );
  assert.equal((await listAll(store, listers)).length, 32);
  assert.deepEqual(
    taken.map(([, prefix]) => prefix).sort(),
    DIGITS.map((digit) => `train/${digit}/`),
  );
  const shares = [0, 1].map((wanted) => taken.filter(([lister]) => lister === wanted).length);
  assert.ok(shares[0]! > shares[1]! && shares[1]! > 0, `${shares}`);
});

test('nothing is listed under a prefix that is not accepted', async () => {
  const store = await storeOf(['test/0/a', 'test/1/b', 'train/0/c', 'x']);
  const asked: string[] = [];
  const lister: ListPart = (prefix) => {
    asked.push(prefix);
    return collect(store.list(prefix));
  };
  const found = await listAll(store, [lister], (prefix) => prefix !== 'test/');
  assert.deepEqual(
    found.map(({ key }: ObjectInfo) => key),
    ['train/0/c', 'x'],
  );
  assert.ok(asked.every((prefix) => !prefix.startsWith('test/')));
});

test("a lister's error is thrown when its part's turn comes", async () => {
  const store = await storeOf(DIGITS.map((digit) => `train/${digit}/x`));
  const lister: ListPart = async (prefix) => {
    if (prefix === 'train/7/') throw new Error('no answer');
    return collect(store.list(prefix));
  };
  const seen: string[] = [];
  await assert.rejects(async () => {
    for await (const part of listInParts(store, [lister], () => true))
      seen.push(...part.map(({ key }) => key));
  }, /no answer/);
  assert.equal(seen.at(-1), 'train/6/x');
});

test('a folder with many subfolders is listed as one part', async () => {
  const ids = Array.from({ length: 2000 }, (_, index) => String(index).padStart(5, '0'));
  const store = await storeOf(['a/first', ...ids.map((id) => `train/${id}/${id}.npy`), 'x']);
  let asked = 0;
  const lister: ListPart = (prefix) => {
    asked += 1;
    return collect(store.list(prefix));
  };
  assert.deepEqual(await listAll(store, [lister]), await collect(store.list('')));
  assert.ok(asked < 10, `${asked} lists`);
});

test('listing ends when the consumer stops', async () => {
  const store = await storeOf(DIGITS.flatMap((a) => DIGITS.slice(0, 4).map((b) => `${a}/${b}/x`)));
  const asked: string[] = [];
  const lister: ListPart = async (prefix) => {
    asked.push(prefix);
    await sleep(1);
    return collect(store.list(prefix));
  };
  for await (const part of listInParts(store, [lister, lister], () => true)) {
    assert.equal(part[0]?.key, '0/0/x');
    break;
  }
  await sleep(50);
  assert.ok(asked.length <= 4, `${asked}`);
});
