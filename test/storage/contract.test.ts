import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { NO_CALLS } from '../../src/storage/file/file-calls.ts';
import { createFileStore } from '../../src/storage/file/file-store.ts';
import { createS3Store } from '../../src/storage/s3/s3-store.ts';
import type { ObjectStore } from '../../src/storage/store.ts';
import { type Emulator, setEnvironment, startEmulator } from '../support/emulator.ts';
import { scratch } from '../support/fixtures.ts';
import { createMemoryStore } from '../support/memory-store.ts';
import { makeBucket } from './bucket.ts';
import { CONTRACT } from './contract.ts';

describe('the store in memory', () => {
  for (const { says, check } of CONTRACT) test(says, () => check(createMemoryStore()));
});

describe('the store in a folder', () => {
  for (const { says, check } of CONTRACT) test(says, (t) => check(createFileStore(scratch(t))));
});

describe('the store in a folder, without the addon', () => {
  for (const { says, check } of CONTRACT) test(says, (t) => check(createFileStore(scratch(t), NO_CALLS)));
});

describe('the store in a bucket', () => {
  let emulator: Emulator;
  let restore: () => void;
  before(async () => {
    emulator = await startEmulator();
    restore = setEnvironment(emulator.env);
    await makeBucket('contract');
  });
  after(async () => {
    restore();
    await emulator.stop();
  });
  for (const [i, { says, check }] of CONTRACT.entries()) {
    test(says, () => check(createS3Store({ bucket: 'contract', prefix: `clause ${i}` })));
  }
});

describe('the contract', () => {
  /** Stores with one fault each, and the start of the clause that must catch it. */
  const faulty: [string, string, (store: ObjectStore) => Partial<ObjectStore>][] = [
    [
      'forgets ifAbsent',
      'writes with ifAbsent',
      (store) => ({ write: (key, bytes) => store.write(key, bytes) }),
    ],
    [
      'forgets ifMatch',
      'writes with ifMatch',
      (store) => ({ write: (key, bytes) => store.write(key, bytes) }),
    ],
    [
      'reads any version',
      'reads with ifMatch',
      (store) => ({ read: (key, range) => store.read(key, range) }),
    ],
    ['ignores ranges', 'reads any range', (store) => ({ read: (key) => store.read(key) })],
    [
      'lists in the order of UTF-16',
      'lists in the order',
      (store) => ({
        async *list(prefix) {
          const all = [];
          for await (const info of store.list(prefix)) all.push(info);
          yield* all.sort((a, b) => (a.key < b.key ? -1 : 1));
        },
      }),
    ],
    [
      'lists one page only',
      'lists more objects',
      (store) => ({
        async *list(prefix) {
          let count = 0;
          for await (const info of store.list(prefix)) if (count++ < 1_000) yield info;
        },
      }),
    ],
    ['removes nothing', 'removes objects', () => ({ remove: async () => {} })],
  ];
  for (const [fault, clause, breaks] of faulty) {
    test(`catches a store that ${fault}`, async () => {
      const { check } = CONTRACT.find(({ says }) => says.startsWith(clause))!;
      const sound = createMemoryStore();
      await assert.rejects(check({ ...sound, ...breaks(sound) }), assert.AssertionError);
    });
  }
});
