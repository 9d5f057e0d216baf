import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeMembers, packMembers, readMembers, unpackMembers } from '../../src/pipeline/members.ts';
import { formatRejected, parseRejected } from '../../src/pipeline/rejected.ts';
import { MEMBERS_KEY } from '../../src/pipeline/work.ts';
import { createMemoryStore } from '../support/memory-store.ts';

test('every member is found with its label, and nobody else', async () => {
  const samples = Array.from({ length: 1000 }, (_, i) => ({
    id: `id${i}`,
    label: (i % 3 === 0 ? 1 : 0) as 0 | 1,
  }));
  const records = createMemoryStore();
  const bytes = encodeMembers(samples);
  assert.equal(bytes.length, 8000);
  await records.write(MEMBERS_KEY, bytes);
  const members = await readMembers(records);
  for (const { id, label } of samples) assert.equal(members.label(id), label, id);
  for (let i = 1000; i < 2000; i += 1) assert.equal(members.label(`id${i}`), undefined);
});

test('members come from another thread as they were', () => {
  const members = [
    { id: 'a', label: 0 as const },
    { id: 'b-1.c', label: 1 as const },
    { id: 'a2', label: 1 as const },
  ];
  assert.deepEqual(unpackMembers(structuredClone(packMembers(members))), members);
});

test('members are the same whatever the order of the samples, and a cut file is refused', async () => {
  const samples = [
    { id: 'a', label: 0 as const },
    { id: 'b', label: 1 as const },
    { id: 'c', label: 0 as const },
  ];
  assert.deepEqual(encodeMembers(samples), encodeMembers(samples.toReversed()));
  assert.notDeepEqual(encodeMembers(samples), encodeMembers([{ id: 'a', label: 1 }, ...samples.slice(1)]));
  const records = createMemoryStore();
  await records.write(MEMBERS_KEY, encodeMembers(samples).subarray(0, 20));
  await assert.rejects(readMembers(records), { name: 'InputError' });
});

test('rejected.csv is read back as it was written, formulas and line breaks included', () => {
  const rows = [
    { id: '-a', file: '=cmd|x.npy', reason: '+1, "quoted"' },
    { id: '', file: "@b's.npy", reason: 'two\nlines' },
    { id: "'c", file: '', reason: '' },
  ];
  assert.deepEqual(parseRejected(formatRejected(rows)), rows);
  assert.deepEqual(parseRejected(formatRejected([])), []);
});
