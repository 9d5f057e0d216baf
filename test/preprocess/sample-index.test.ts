import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LabelledRef } from '../../src/preprocess/plan/chunks.ts';
import { encodeIndex, readIndex } from '../../src/preprocess/plan/sample-index.ts';
import { createMemoryStore } from '../support/memory-store.ts';

const KEY = '_work/a-plan/samples.bin';

interface Sample {
  id: string;
  label: 0 | 1;
  key: string;
  etag: string;
}

const sample = (id: string, label: 0 | 1, key = `${id}.npy`, etag = `"${id}"`): Sample => ({
  id,
  label,
  key,
  etag,
});

function encode(samples: readonly Sample[]): Uint8Array {
  return encodeIndex(
    samples.map(({ label, ...place }): LabelledRef => ({ ref: { kind: 'npy', ...place }, label })),
  );
}

async function indexOf(bytes: Uint8Array) {
  const records = createMemoryStore();
  await records.write(KEY, bytes);
  return readIndex(records, 'a-plan');
}

test('every sample is found with its label, object and version, and no other sample is found', async () => {
  const samples = Array.from({ length: 1000 }, (_, i) => sample(`id${i}`, i % 3 === 0 ? 1 : 0));
  const bytes = encode(samples);
  assert.equal(bytes.length, 16_000);
  const index = await indexOf(bytes);
  for (const { id, label, key, etag } of samples) {
    const found = index.find(id);
    assert.equal(found?.label, label, id);
    assert.ok(found.isFrom(key) && found.isFrom(key, etag), id);
    assert.ok(
      !found.isFrom('other.npy') && !found.isFrom('other.npy', etag) && !found.isFrom(key, '"other"'),
      id,
    );
  }
  for (let i = 1000; i < 2000; i += 1) assert.equal(index.find(`id${i}`), undefined);
});

test('samples whose hashes have the same start are told apart', async () => {
  // Their SHA-256 hashes start with the same 48 bits.
  const alike = ['s5294434', 's34989017'];
  const [one, other] = alike as [string, string];
  const index = await indexOf(encode([sample(one, 1), sample('x', 0), sample(other, 0)]));
  assert.deepEqual([index.find(one)?.label, index.find(other)?.label], [1, 0]);
  assert.equal((await indexOf(encode([sample(one, 1)]))).find(other), undefined);
});

test('an index distinguishes labels, objects and versions, with 16 bytes per sample', () => {
  const samples = [sample('a', 0), sample('b', 1), sample('c', 0)];
  const bytes = encode(samples);
  assert.equal(bytes.length, 48);
  for (const changed of [sample('a', 1), sample('a', 0, 'other.npy'), sample('a', 0, 'a.npy', '"other"')]) {
    assert.notDeepEqual(encode([changed, ...samples.slice(1)]), bytes);
  }
});

test('an empty index finds nothing, and the error for a truncated index names the file', async () => {
  assert.equal((await indexOf(encode([]))).find('a'), undefined);
  const bytes = encode([sample('a', 0), sample('b', 1)]);
  await assert.rejects(indexOf(bytes.subarray(0, 20)), {
    name: 'InputError',
    message: /_work\/a-plan\/samples\.bin: found 20 bytes, needed a multiple of 16/,
  });
});
