import assert from 'node:assert/strict';
import { InputError, NotFoundError, PreconditionError } from '../../src/core/errors.ts';
import type { ObjectInfo, ObjectStore } from '../../src/storage/store.ts';
import { assertSameBytes } from '../support/bytes.ts';

export interface Clause {
  /** A sentence whose subject is "the store". */
  says: string;
  /** Rejects unless the store does so. The store is empty. */
  check(store: ObjectStore): Promise<void>;
}

const text = (value: string) => new Uint8Array(Buffer.from(value));
const put = (store: ObjectStore, key: string, value = key) => store.write(key, text(value));

async function list(store: ObjectStore, prefix = ''): Promise<ObjectInfo[]> {
  const found: ObjectInfo[] = [];
  for await (const info of store.list(prefix)) found.push(info);
  return found;
}
const keys = async (store: ObjectStore, prefix?: string) => (await list(store, prefix)).map(({ key }) => key);

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(new Uint8Array(chunk));
  return new Uint8Array(Buffer.concat(parts));
}

/** Bytes that depend on their position. */
function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8) * 17 + (i >> 16)) & 255);
}

async function* chunked(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  // One buffer for all chunks, as a producer may do.
  const buffer = new Uint8Array(size);
  for (let start = 0; start < bytes.length; start += size) {
    const part = bytes.subarray(start, start + size);
    buffer.set(part);
    yield buffer.subarray(0, part.length);
  }
}

/** What every store does. */
export const CONTRACT: Clause[] = [
  {
    says: 'returns the written object from head, list, read and stream',
    async check(store) {
      const bytes = pattern(300_000);
      const info = await store.write('a/b/c.npy', bytes);
      assert.equal(info.key, 'a/b/c.npy');
      assert.equal(info.size, bytes.length);
      assert.notEqual(info.etag, '');
      assert.deepEqual(await store.head('a/b/c.npy'), info);
      assert.deepEqual(await list(store), [info]);
      assertSameBytes(await store.read('a/b/c.npy'), bytes);
      assertSameBytes(await collect(store.stream('a/b/c.npy')), bytes);
    },
  },
  {
    says: 'reads any range, and cuts a range at the end of the object',
    async check(store) {
      const bytes = pattern(100_000);
      await store.write('x', bytes);
      for (const [offset, length] of [
        [0, 1],
        [99_999, 1],
        [70_000, 7],
        [0, 100_000],
        [99_990, 50],
        [50, 0],
        [100_000, 10],
        [2_000_000, 10],
        [5, 3_000_000_000],
      ] as const) {
        const expected = bytes.slice(offset, offset + length);
        const range = { offset, length };
        assertSameBytes(await store.read('x', range), expected, `read ${offset}+${length}`);
        assertSameBytes(await collect(store.stream('x', range)), expected, `stream ${offset}+${length}`);
      }
    },
  },
  {
    says: 'keeps an empty object',
    async check(store) {
      await store.write('empty', new Uint8Array(0));
      await store.write('empty streamed', chunked(new Uint8Array(0), 10));
      for (const { key, size } of await list(store)) {
        assert.equal(size, 0);
        assert.deepEqual(await store.read(key), new Uint8Array(0));
        assert.deepEqual(await store.read(key, { offset: 0, length: 10 }), new Uint8Array(0));
        assert.deepEqual(await collect(store.stream(key)), new Uint8Array(0));
      }
      assert.equal((await list(store)).length, 2);
    },
  },
  {
    says: 'returns bytes that the caller owns',
    async check(store) {
      const written = pattern(100);
      await store.write('own', written);
      written.fill(0);
      (await store.read('own')).fill(1);
      for await (const chunk of store.stream('own')) chunk.fill(2);
      assert.deepEqual(await store.read('own'), pattern(100));
    },
  },
  {
    says: 'reports that an object is missing',
    async check(store) {
      await put(store, 'there/it is');
      for (const key of ['nothing', 'there', 'there/it', 'there/it is/not']) {
        assert.equal(await store.head(key), undefined);
        await assert.rejects(store.read(key), NotFoundError, key);
        await assert.rejects(store.read(key, { offset: 3, length: 0 }), NotFoundError, key);
        await assert.rejects(collect(store.stream(key)), NotFoundError, key);
        await store.remove(key);
      }
      assert.deepEqual(await keys(store), ['there/it is']);
      assert.deepEqual(await keys(store, 'nothing/'), []);
    },
  },
  {
    says: 'lists in the order of the UTF-8 bytes of the keys',
    async check(store) {
      const written = [
        'a/b',
        'a.b',
        'a-b',
        'a',
        'a0',
        'Z',
        'ab/c/d',
        'ab/c.d',
        'ä',
        'z',
        '\uff5e',
        '\u{1f30a}',
        'ab.c/d',
      ].filter((key) => key !== 'a');
      for (const key of written) await put(store, key);
      const expected = written.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      assert.deepEqual(await keys(store), expected);
      assert.ok(expected.indexOf('a.b') < expected.indexOf('a/b'), 'the order is a trap');
      assert.ok(expected.indexOf('\uff5e') < expected.indexOf('\u{1f30a}'), 'the order is a trap');
    },
  },
  {
    says: 'lists the keys with a prefix, which may end within a name',
    async check(store) {
      for (const key of ['train/0/00a', 'train/0/01b', 'train/00', 'train/1/0', 'training_labels.csv']) {
        await put(store, key);
      }
      assert.deepEqual(await keys(store, 'train/0/'), ['train/0/00a', 'train/0/01b']);
      assert.deepEqual(await keys(store, 'train/0'), ['train/0/00a', 'train/0/01b', 'train/00']);
      assert.deepEqual(await keys(store, 'train/0/00a'), ['train/0/00a']);
      assert.deepEqual(await keys(store, 'train/0/00a/'), []);
      assert.deepEqual(await keys(store, 'train'), [
        'train/0/00a',
        'train/0/01b',
        'train/00',
        'train/1/0',
        'training_labels.csv',
      ]);
    },
  },
  {
    says: 'lists one level, with an entry for each common prefix',
    async check(store) {
      const written = ['a/b/c', 'a/b/d', 'a/b.e', 'a.f', 'a/b0', 'g', 'a-/h', 'ä/i', '\uff5e', '\u{1f30a}/j'];
      for (const key of written) await put(store, key);
      const level = async (prefix: string) => {
        const entries: string[] = [];
        for await (const entry of store.list(prefix, { delimiter: '/' })) {
          if (!entry.key.endsWith('/')) assert.deepEqual(entry, await store.head(entry.key));
          entries.push(entry.key);
        }
        return entries;
      };
      assert.deepEqual(await level(''), ['a-/', 'a.f', 'a/', 'g', 'ä/', '\uff5e', '\u{1f30a}/']);
      assert.deepEqual(await level('a'), ['a-/', 'a.f', 'a/']);
      assert.deepEqual(await level('a/'), ['a/b.e', 'a/b/', 'a/b0']);
      assert.deepEqual(await level('a/b'), ['a/b.e', 'a/b/', 'a/b0']);
      assert.deepEqual(await level('a/b/'), ['a/b/c', 'a/b/d']);
      assert.deepEqual(await level('nothing/'), []);
    },
  },
  {
    says: 'lists more objects than one response holds',
    async check(store) {
      const written = Array.from({ length: 1_205 }, (_, i) => `n/${String(i).padStart(5, '0')}`);
      for (let i = 0; i < written.length; i += 50) {
        await Promise.all(written.slice(i, i + 50).map((key) => put(store, key)));
      }
      const found = await keys(store, 'n/');
      assert.equal(found.length, written.length);
      assert.ok(found.every((key, i) => key === written[i]));
    },
  },
  {
    says: 'keeps keys with spaces, signs and letters of any script',
    async check(store) {
      const written = [
        'a b+c%20d',
        'q?x=1&y#z',
        'it\'s "so" <>&',
        'グラフ/重力波',
        '..a/b..',
        '~',
        'back\\slash',
      ];
      for (const key of written) await put(store, key);
      assert.deepEqual(new Set(await keys(store)), new Set(written));
      for (const key of written) assert.deepEqual(await store.read(key), text(key));
    },
  },
  {
    says: 'refuses keys that are invalid or would leave it',
    async check(store) {
      const bad = [
        '',
        '/',
        '/etc/passwd',
        '..',
        '../x',
        'a/../../x',
        'a/./b',
        'a//b',
        'a/',
        'a\0b',
        '\ud800',
        'x'.repeat(1_025),
      ];
      for (const key of bad) {
        await assert.rejects(store.head(key), InputError, key);
        await assert.rejects(store.read(key), InputError, key);
        await assert.rejects(collect(store.stream(key)), InputError, key);
        await assert.rejects(store.write(key, text('x')), InputError, key);
        await assert.rejects(store.remove(key), InputError, key);
      }
      for (const prefix of ['/', '../', 'a/../', 'a//', '\0'])
        await assert.rejects(list(store, prefix), InputError);
      assert.deepEqual(await list(store), []);
    },
  },
  {
    says: 'overwrites an object completely, and changes its etag',
    async check(store) {
      const first = await put(store, 'k', 'one');
      const second = await put(store, 'k', 'two');
      assert.notEqual(first.etag, second.etag);
      assert.deepEqual(await list(store), [second]);
      assert.deepEqual(await store.read('k'), text('two'));
    },
  },
  {
    says: 'writes with ifAbsent only if the object is missing',
    async check(store) {
      await store.write('k', text('one'), { ifAbsent: true });
      await assert.rejects(store.write('k', text('two'), { ifAbsent: true }), PreconditionError);
      await assert.rejects(
        store.write('k', chunked(text('three'), 2), { ifAbsent: true }),
        PreconditionError,
      );
      assert.deepEqual(await store.read('k'), text('one'));
      await store.remove('k');
      await store.write('k', text('four'), { ifAbsent: true });
      assert.deepEqual(await store.read('k'), text('four'));
    },
  },
  {
    says: 'lets exactly one of many writers with ifAbsent win',
    async check(store) {
      const writers = Array.from({ length: 12 }, (_, i) =>
        store.write('prize', text(`writer ${i}`), { ifAbsent: true }).then(
          () => `writer ${i}`,
          (error: unknown) => error,
        ),
      );
      const outcomes = await Promise.all(writers);
      const winners = outcomes.filter((outcome) => typeof outcome === 'string');
      const losers = outcomes.filter((outcome) => outcome instanceof PreconditionError);
      assert.deepEqual([winners.length, losers.length], [1, 11]);
      assert.deepEqual(await store.read('prize'), text(winners[0]!));
    },
  },
  {
    says: 'writes with ifMatch only over that version',
    async check(store) {
      await assert.rejects(store.write('k', text('x'), { ifMatch: '"0"' }), PreconditionError);
      const first = await put(store, 'k', 'one');
      const second = await store.write('k', text('two'), { ifMatch: first.etag });
      await assert.rejects(store.write('k', text('six'), { ifMatch: first.etag }), PreconditionError);
      assert.deepEqual(await store.read('k'), text('two'));
      const outcomes = await Promise.allSettled(
        ['a', 'b', 'c', 'd'].map((value) => store.write('k', text(value), { ifMatch: second.etag })),
      );
      assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
    },
  },
  {
    says: 'reads with ifMatch only that version',
    async check(store) {
      const range = { offset: 1, length: 2 };
      const first = await put(store, 'k', 'one');
      const options = { ifMatch: first.etag };
      assert.deepEqual(await store.read('k', undefined, options), text('one'));
      assert.deepEqual(await store.read('k', range, options), text('ne'));
      assert.deepEqual(await collect(store.stream('k', range, options)), text('ne'));
      assert.deepEqual(await store.read('k', { offset: 1, length: 0 }, options), text(''));
      const second = await put(store, 'k', 'two, longer');
      for (const wanted of [undefined, range, { offset: 1, length: 0 }, { offset: 5, length: 3 }]) {
        await assert.rejects(store.read('k', wanted, options), PreconditionError);
        await assert.rejects(collect(store.stream('k', wanted, options)), PreconditionError);
      }
      assert.deepEqual(await store.read('k', range, { ifMatch: second.etag }), text('wo'));
      await store.remove('k');
      await assert.rejects(store.read('k', range, options), NotFoundError);
    },
  },
  {
    says: 'writes a stream of many chunks, conditions included, from a producer with one buffer',
    async check(store) {
      // More than two parts of a multipart upload.
      const bytes = pattern(18_000_001);
      const info = await store.write('big', chunked(bytes, 1_000_003), { ifAbsent: true });
      assert.equal(info.size, bytes.length);
      assert.deepEqual(await store.head('big'), info);
      assertSameBytes(await store.read('big'), bytes, 'read');
      assertSameBytes(await collect(store.stream('big')), bytes, 'stream');
      await assert.rejects(
        store.write('big', chunked(bytes, 1_000_003), { ifAbsent: true }),
        PreconditionError,
      );
    },
  },
  {
    says: 'leaves nothing after a write whose source fails, early or late',
    async check(store) {
      const failure = new Error('the source failed');
      for (const length of [10, 20_000_000]) {
        const source = async function* () {
          yield* chunked(pattern(length), 1 << 20);
          throw failure;
        };
        await assert.rejects(store.write('k', source()), failure);
        await assert.rejects(store.write('dir/k', source(), { ifAbsent: true }), failure);
      }
      assert.deepEqual(await list(store), []);
      assert.equal(await store.head('k'), undefined);
    },
  },
  {
    says: 'removes objects',
    async check(store) {
      await put(store, 'a/1');
      await put(store, 'a/2');
      await store.remove('a/1');
      assert.deepEqual(await keys(store), ['a/2']);
      assert.equal(await store.head('a/1'), undefined);
    },
  },
  {
    says: 'lets a reader stop streaming or listing at any point',
    async check(store) {
      await store.write('k/1', pattern(3_000_000));
      await put(store, 'k/2');
      for await (const chunk of store.stream('k/1')) {
        assert.ok(chunk.length > 0);
        break;
      }
      for await (const info of store.list('')) {
        assert.equal(info.key, 'k/1');
        break;
      }
    },
  },
];
