import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { listInParts } from '../../src/storage/parallel-listing.ts';
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

const listAll = async (store: ObjectStore, accept = (_: string) => true) =>
  (await collect(listInParts(store, accept))).flat();

/** The store, with `list` of one part replaced. */
const withList = (store: ObjectStore, list: (prefix: string) => AsyncIterable<ObjectInfo>): ObjectStore => ({
  ...store,
  list: (prefix, options) => (options?.delimiter === undefined ? list(prefix) : store.list(prefix, options)),
});

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

test('every part is listed once, several at a time', async () => {
  const store = await storeOf(DIGITS.flatMap((a) => [`train/${a}/x`, `train/${a}/y`]));
  const asked: string[] = [];
  let running = 0;
  let most = 0;
  const slow = withList(store, async function* (prefix) {
    asked.push(prefix);
    running += 1;
    most = Math.max(most, running);
    await sleep(5);
    running -= 1;
    yield* store.list(prefix);
  });
  assert.equal((await listAll(slow)).length, 32);
  assert.deepEqual(
    asked.sort(),
    DIGITS.map((digit) => `train/${digit}/`),
  );
  assert.equal(most, 16);
});

test('nothing is listed under a prefix that is not accepted', async () => {
  const kept = [...DIGITS.map((digit) => `train/${digit}/c`), 'x'];
  const store = await storeOf(['test/0/a', 'test/1/b', ...kept]);
  const asked: string[] = [];
  const watched = withList(store, (prefix) => {
    asked.push(prefix);
    return store.list(prefix);
  });
  const found = await listAll(watched, (prefix) => prefix !== 'test/');
  assert.deepEqual(
    found.map(({ key }: ObjectInfo) => key),
    kept,
  );
  assert.ok(asked.length > 0 && asked.every((prefix) => !prefix.startsWith('test/')));
});

test("a part's error is thrown when its turn comes", async () => {
  const store = await storeOf(DIGITS.map((digit) => `train/${digit}/x`));
  const broken = withList(store, async function* (prefix) {
    if (prefix === 'train/7/') throw new Error('no answer');
    yield* store.list(prefix);
  });
  const seen: string[] = [];
  await assert.rejects(async () => {
    for await (const part of listInParts(broken, () => true)) seen.push(...part.map(({ key }) => key));
  }, /no answer/);
  assert.equal(seen.at(-1), 'train/6/x');
});

test('a folder with many subfolders is listed as one part', async () => {
  const ids = Array.from({ length: 2000 }, (_, index) => String(index).padStart(5, '0'));
  const store = await storeOf(['a/first', ...ids.map((id) => `train/${id}/${id}.npy`), 'x']);
  let asked = 0;
  const counted = withList(store, (prefix) => {
    asked += 1;
    return store.list(prefix);
  });
  assert.deepEqual(await listAll(counted), await collect(store.list('')));
  assert.ok(asked > 0 && asked < 10, `${asked} lists`);
});

test('listing ends when the consumer stops', async () => {
  const store = await storeOf(DIGITS.flatMap((a) => DIGITS.slice(0, 4).map((b) => `${a}/${b}/x`)));
  const asked: string[] = [];
  const watched = withList(store, async function* (prefix) {
    asked.push(prefix);
    await sleep(1);
    yield* store.list(prefix);
  });
  for await (const part of listInParts(watched, () => true)) {
    assert.equal(part[0]?.key, '0/0/x');
    break;
  }
  await sleep(50);
  assert.ok(asked.length <= 16, `${asked}`);
});
