import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { catalogDataset, catalogFile } from '../../src/raw/catalog.ts';
import { readSamples } from '../../src/raw/samples.ts';
import { encodePackIndex, packName, packSize, readPackIndex } from '../../src/raw/tar/pack.ts';
import { scanTar, type TarMember } from '../../src/raw/tar/tar.ts';
import { encodeTarHeader, fitsTarName, TAR_END, tarPadding } from '../../src/raw/tar/tar-header.ts';
import type { ObjectStore } from '../../src/storage/store.ts';
import { countReads } from '../support/counting.ts';
import { createMemoryStore } from '../support/memory-store.ts';
import { readMarks, sampleFile } from '../support/samples.ts';
import { packTar } from '../support/tar.ts';

const KEY = `train/${packName(0, 1)}`;

function packOf(files: Record<string, Uint8Array>): Uint8Array {
  const members = Object.entries(files).map(([name, { length }]) => ({ name, size: length }));
  const parts = Object.entries(files).flatMap(([name, bytes]) => [
    encodeTarHeader(name, bytes.length),
    bytes,
    new Uint8Array(tarPadding(bytes.length)),
  ]);
  return Buffer.concat([encodePackIndex(members), ...parts, TAR_END]);
}

async function storeOf(bytes: Uint8Array, key = KEY): Promise<ObjectStore> {
  const store = createMemoryStore();
  await store.write(key, bytes);
  return store;
}

/** Scans the headers alone. */
async function scan(store: ObjectStore): Promise<TarMember[]> {
  const { size } = (await store.head(KEY))!;
  const members: TarMember[] = [];
  for await (const member of scanTar(store, KEY, size)) members.push(member);
  return members;
}

const samples = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`train/s${index}.npy`, sampleFile(index)]));

describe('a pack', () => {
  test('has a list that agrees with its headers', async () => {
    const files = {
      ...samples(3),
      'train/empty.npy': new Uint8Array(0),
      'train/odd.npy': new Uint8Array(512),
    };
    const bytes = packOf(files);
    const store = await storeOf(bytes);
    const found = await readPackIndex(store, (await store.head(KEY))!);
    assert.deepEqual(found, (await scan(store)).slice(1));
    assert.equal(found?.length, 5);
    const members = Object.entries(files).map(([name, { length }]) => ({ name, size: length }));
    assert.equal(packSize(encodePackIndex(members).length, members), bytes.length);
  });

  test('is catalogued by one small read, and its samples are read 8 MiB at a time', async () => {
    const count = 200;
    const { store, reads } = countReads(await storeOf(packOf(samples(count))));
    const { refs, faults } = await catalogDataset(store);
    assert.deepEqual([refs.length, faults.length], [count, 0]);
    assert.deepEqual(reads, [{ key: KEY, length: 65_536 }]);
    let number = 0;
    for await (const { strain } of readSamples(store, refs)) {
      assert.equal(strain?.[0], (number + 1) * 2 ** 14);
      number += 1;
    }
    assert.equal(number, count);
    assert.equal(reads.length - 1, Math.ceil(count / 84));
    assert.ok(reads.every(({ length }) => length <= 8 << 20));
  });

  test('has no members opened, even with `open`', async () => {
    const { store, reads } = countReads(await storeOf(packOf(samples(3))));
    const { refs } = await catalogFile(store, KEY);
    assert.deepEqual([refs.length, reads.length], [3, 1]);
  });

  test('has its list read completely when it is longer than the first read', async () => {
    const files = Object.fromEntries(
      Array.from({ length: 1500 }, (_, index) => [
        `train/${'long'.repeat(15)}${index}.npy`,
        new Uint8Array(10),
      ]),
    );
    const store = await storeOf(packOf(files));
    assert.deepEqual(await readPackIndex(store, (await store.head(KEY))!), (await scan(store)).slice(1));
  });

  test('is scanned by its headers if its list does not account for every byte', async () => {
    const good = packOf(samples(3));
    const list = Buffer.from(good).indexOf('98432');
    const wrongSize = Buffer.from(good);
    wrongSize.write('98431', list);
    wrongSize.write('90432', list + 30 + wrongSize.subarray(list + 30).indexOf('98432'));
    const noList = Buffer.from(good);
    noList.write('{{{', 512);
    const text = Buffer.from(good);
    text.write('"9843', list);
    for (const bytes of [wrongSize, noList, text, good.subarray(0, good.length - 512), packTar([])]) {
      const store = await storeOf(bytes);
      assert.equal(await readPackIndex(store, (await store.head(KEY))!), undefined);
    }
    const store = await storeOf(wrongSize);
    assert.deepEqual(
      await readMarks(store, (await catalogDataset(store)).refs),
      [0, 1, 2].map((index) => [`s${index}`, index]),
    );
  });

  test('that claims a list of gigabytes is not read as a pack', async () => {
    const header = Buffer.from(encodeTarHeader('.pack.json', 8 ** 11 - 1));
    const { store, reads } = countReads(await storeOf(Buffer.concat([header, TAR_END])));
    assert.equal(await readPackIndex(store, (await store.head(KEY))!), undefined);
    assert.equal(reads.length, 1);
  });

  test('with another name is an ordinary archive', async () => {
    const { store, reads } = countReads(await storeOf(packOf(samples(1)), 'my.tar'));
    assert.equal(await readPackIndex(store, (await store.head('my.tar'))!), undefined);
    assert.equal(reads.length, 0);
    assert.equal((await catalogDataset(store)).refs.length, 1);
  });
});

describe('the header of a member', () => {
  test('holds names of up to 100 bytes, or up to 255 that can be split at a slash', async () => {
    const names = ['a'.repeat(100), `${'b'.repeat(155)}/${'c'.repeat(100)}`, `über/${'d'.repeat(98)}`];
    const store = await storeOf(
      Buffer.concat([...names.map((name) => encodeTarHeader(name, 0)), TAR_END]),
      KEY,
    );
    const found = await scan(store);
    assert.deepEqual(
      found.map(({ name }) => name),
      names,
    );
  });

  test('refuses longer names, and sizes of 8 GiB', () => {
    for (const name of [
      '',
      'a'.repeat(101),
      'ü'.repeat(51),
      `${'b'.repeat(156)}/c`,
      `b/${'c'.repeat(101)}`,
    ]) {
      assert.equal(fitsTarName(name), false, name);
      assert.throws(() => encodeTarHeader(name, 0), RangeError, name);
    }
    assert.throws(() => encodeTarHeader('a', 8 ** 11), RangeError);
  });
});
