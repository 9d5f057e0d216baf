import assert from 'node:assert/strict';
import { describe, mock, test } from 'node:test';
import { ambient } from '../../src/core/ambient.ts';
import { MachineError } from '../../src/core/errors.ts';
import { sha256 } from '../../src/core/sha256.ts';
import { STRAIN_MARGIN } from '../../src/core/strain.ts';
import { encodeNpy } from '../../src/numpy/npy.ts';
import { writeNpz } from '../../src/numpy/npz.ts';
import { catalogDataset, catalogObject } from '../../src/raw/catalog.ts';
import type { SampleRef } from '../../src/raw/sample-ref.ts';
import { createSampleReader, readSamples } from '../../src/raw/samples.ts';
import { createFileStore } from '../../src/storage/file/file-store.ts';
import type { ByteRange, ObjectStore } from '../../src/storage/store.ts';
import { scratch } from '../support/fixtures.ts';
import { createMemoryStore } from '../support/memory-store.ts';
import { markedSamples, readMarks, sampleFile, stackFile } from '../support/samples.ts';
import { packTar } from '../support/tar.ts';

interface Watched {
  store: ObjectStore;
  ranges: ByteRange[];
}

function watch(store: ObjectStore): Watched {
  const watched: Watched = {
    ranges: [],
    store: {
      ...store,
      read(key, range, options) {
        watched.ranges.push(range!);
        return store.read(key, range, options);
      },
    },
  };
  return watched;
}

// Missing objects are retried. That the pauses are as long as they should be is tested in retry.test.ts.
mock.method(ambient, 'sleep', async () => {});

async function catalogBytes(
  store: ObjectStore,
  key: string,
  bytes: Uint8Array,
  count = 0,
): Promise<SampleRef[]> {
  const labelIds = Array.from({ length: count }, (_, index) => `r${index}`);
  return catalogObject(store, await store.write(key, bytes), { labelIds });
}

/** Refs that take whatever lies under their keys, as those of a store without versions do. */
const anyVersion = (refs: readonly SampleRef[]) => refs.map(({ etag: _, ...ref }): SampleRef => ref);

describe('reading samples', () => {
  test('yields them in the order requested, from a mix of all kinds of objects', async () => {
    const store = createMemoryStore();
    const stack = await catalogBytes(store, 'a.npy', stackFile(10, 4), 4);
    const tar = await catalogBytes(
      store,
      'b.tar',
      packTar([0, 1, 2].map((n) => ({ name: `t${n}.npy`, content: sampleFile(n) }))),
    );
    const one = await catalogBytes(store, 'c.npy', sampleFile(20));
    const packed = await writeNpz(
      { x: { dtype: '<f8', shape: [3, 3, 4096], data: markedSamples(30, 3) } },
      { compress: true },
    );
    const deflated = await catalogBytes(store, 'd.npz', packed, 3);
    const refs = [
      tar[2]!,
      stack[3]!,
      deflated[1]!,
      stack[0]!,
      one[0]!,
      tar[0]!,
      tar[1]!,
      stack[1]!,
      deflated[0]!,
      deflated[0]!,
      deflated[2]!,
      stack[1]!,
    ];
    const marks = (await readMarks(store, refs)).map(([, mark]) => mark);
    assert.deepEqual(marks, [2, 13, 31, 10, 20, 0, 1, 11, 30, 30, 32, 11]);
  });

  test('yields a reason for a broken file, and reads its neighbours', async () => {
    const store = createMemoryStore();
    const short = sampleFile(1).subarray(0, 70_000);
    const wrong = encodeNpy({ dtype: '<f8', shape: [4096, 3], data: markedSamples(1) });
    const integers = encodeNpy({ dtype: '|u1', shape: [3, 4096], data: new Uint8Array(12288) });
    const objects = [
      sampleFile(0),
      short,
      sampleFile(2),
      wrong,
      integers,
      new Uint8Array(0),
      Buffer.alloc(98432),
      sampleFile(7),
    ];
    for (const [index, bytes] of objects.entries()) await store.write(`s${index}.npy`, bytes);
    const catalog = await catalogDataset(store, {
      labels: objects.map((_, index) => ({ id: `s${index}`, target: 0 })),
    });
    const refs = anyVersion(catalog.refs);
    await store.remove('s2.npy');
    await store.write('s7.npy', Buffer.concat([sampleFile(7), Buffer.alloc(5 << 20)]));
    await store.write('s8.npy', sampleFile(8));
    refs.push({ id: 's8', key: 's8.npy', kind: 'npy' });
    const broken = await readMarks(store, refs);
    assert.deepEqual(broken, [
      ['s0', 0],
      ['s1', 'found the end after 70000 bytes at byte 70000, needed 98432 bytes for <f8 of shape (3, 4096)'],
      ['s2', 'no such object'],
      ['s3', 'found shape (4096, 3), needed (3, 4096) or a stack of these'],
      ['s4', "found dtype '|u1', needed float32 or float64"],
      ['s5', 'found no bytes, needed a .npy file'],
      ['s6', "found the bytes 000000000000 at byte 0, needed a .npy file's magic 934e554d5059"],
      ['s7', 'found 98433 bytes, needed 98432 bytes for <f8 of shape (3, 4096)'],
      ['s8', 8],
    ]);
    const members = objects.map((content, index) => ({ name: `s${index}.npy`, content }));
    const tar = await catalogBytes(store, 'x.tar', packTar(members));
    const marks = (await readMarks(store, tar)).map(([, mark]) =>
      typeof mark === 'string' ? 'broken' : mark,
    );
    assert.deepEqual(marks, [0, 'broken', 2, 'broken', 'broken', 'broken', 'broken', 7]);
  });

  test('yields reasons for just the samples lost when objects were truncated after the plan', async () => {
    const store = createMemoryStore();
    const cut = async (key: string, bytes: Uint8Array, length: number, count = 0) => {
      const refs = anyVersion(await catalogBytes(store, key, bytes, count));
      await store.write(key, bytes.subarray(0, length));
      return (await readMarks(store, refs)).map(([, mark]) => (typeof mark === 'string' ? 'cut' : mark));
    };
    const stack = { dtype: '<f8', shape: [3, 3, 4096], data: markedSamples(0, 3) } as const;
    const deflated = await writeNpz({ x: stack }, { compress: true });
    const fortran = Buffer.from(encodeNpy(stack));
    fortran.write('True, ', fortran.indexOf('False,'));
    assert.deepEqual(await cut('a.npy', stackFile(0, 3), 250_000, 3), [0, 1, 'cut']);
    assert.deepEqual(await cut('b.npz', deflated, deflated.length / 2, 3), ['cut', 'cut', 'cut']);
    assert.deepEqual(await cut('c.npy', fortran, fortran.length - 1, 3), ['cut', 'cut', 'cut']);
    assert.deepEqual(await cut('d.npz', await writeNpz({ x: stack }), 250_000, 3), [0, 1, 'cut']);
    const single = { dtype: '<f8', shape: [3, 4096], data: markedSamples(0) } as const;
    assert.deepEqual(
      await cut('e.npz', await writeNpz({ x: single, y: single }, { compress: true }), 20_000),
      [0, 'cut'],
    );
  });

  test('yields a reason for every row of a damaged deflated stack', async () => {
    const store = createMemoryStore();
    const data = Float64Array.from({ length: 3 * 12288 }, () => Math.random());
    const bytes = await writeNpz({ x: { dtype: '<f8', shape: [3, 3, 4096], data } }, { compress: true });
    const refs = anyVersion(await catalogBytes(store, 'x.npz', bytes, 3));
    const damaged = new Uint8Array(bytes);
    damaged.fill(0, 150_000, 150_400);
    await store.write('x.npz', damaged);
    for await (const { reason } of readSamples(store, refs)) {
      assert.match(reason!, /deflate data|unpacked|CRC-32/);
    }
  });

  test('yields a reason for an overwritten object of any kind, and reads its neighbours', async () => {
    const store = createMemoryStore();
    const stack = await writeNpz(
      { x: { dtype: '<f8', shape: [2, 3, 4096], data: markedSamples(4, 2) } },
      { compress: true },
    );
    const files: [string, Uint8Array, number][] = [
      ['a.npy', sampleFile(0), 0],
      ['b.npy', stackFile(1, 2), 2],
      ['c.tar', packTar([{ name: 't.npy', content: sampleFile(3) }]), 0],
      ['d.npz', stack, 2],
      ['e.npy', sampleFile(6), 0],
    ];
    const refs: SampleRef[] = [];
    for (const [key, bytes, count] of files) refs.push(...(await catalogBytes(store, key, bytes, count)));
    const etags = new Map<string, string>();
    for await (const { key, etag } of store.list('')) etags.set(key, etag);
    assert.ok(refs.every(({ key, etag }) => etag === etags.get(key)));
    assert.deepEqual(
      (await readMarks(store, refs)).map(([, mark]) => mark),
      [0, 1, 2, 3, 4, 5, 6],
    );
    for (const [changed, bytes] of files) {
      await store.write(changed, bytes);
      const expected = refs.map(({ key }, mark) =>
        key === changed ? 'the object was overwritten after it was listed' : mark,
      );
      assert.deepEqual(
        (await readMarks(store, refs)).map(([, mark]) => mark),
        expected,
      );
      const { etag } = (await store.head(changed))!;
      for (const ref of refs) if (ref.key === changed) ref.etag = etag;
    }
  });

  test('reads neighbours in one range, through tar headers, up to 8 MiB', async () => {
    const plain = createMemoryStore();
    const tar = packTar(
      Array.from({ length: 100 }, (_, n) => ({ name: `t${n}.npy`, content: sampleFile(n) })),
    );
    const refs = await catalogBytes(plain, 'x.tar', tar);
    const forward = watch(plain);
    assert.equal((await readMarks(forward.store, refs)).length, 100);
    assert.equal(forward.ranges.length, 2);
    assert.ok(forward.ranges.every(({ length }) => length <= 8 << 20));
    const backward = watch(plain);
    assert.deepEqual(
      (await readMarks(backward.store, refs.toReversed())).map(([, mark]) => mark),
      [...Array(100).keys()].reverse(),
    );
    assert.equal(backward.ranges.length, 100);
    const stack = await catalogBytes(plain, 'y.npy', stackFile(0, 20), 20);
    const rows = watch(plain);
    await readMarks(rows.store, stack);
    assert.deepEqual(rows.ranges, [{ offset: 128, length: 20 * 98304 }]);
  });

  test('reads a deflated stack once, whatever the order of the rows', async () => {
    const plain = createMemoryStore();
    const bytes = await writeNpz(
      { x: { dtype: '<f8', shape: [8, 3, 4096], data: markedSamples(0, 8) } },
      { compress: true },
    );
    const refs = await catalogBytes(plain, 'x.npz', bytes, 8);
    const watched = watch(plain);
    const shuffled = [3, 1, 5, 0, 2].map((row) => refs[row]!);
    assert.deepEqual(
      (await readMarks(watched.store, shuffled)).map(([, mark]) => mark),
      [3, 1, 5, 0, 2],
    );
    assert.equal(watched.ranges.length, 1);
  });

  test('reads deflated stacks once each, however their rows alternate, with broken rows among them', async () => {
    const plain = createMemoryStore();
    const stacks = await Promise.all(
      ['a', 'b', 'c'].map(async (name, i) => {
        const x = { dtype: '<f8', shape: [8, 3, 4096], data: markedSamples(10 * i, 8) } as const;
        const bytes = await writeNpz({ x }, { compress: true });
        const refs = await catalogBytes(plain, `${name}.npz`, bytes, 8);
        // The second stack is damaged after it was catalogued.
        if (i === 1) {
          bytes[bytes.length >> 1]! ^= 0xff;
          await plain.write('b.npz', bytes);
          for (const ref of refs) ref.etag = (await plain.head('b.npz'))!.etag;
        }
        return refs;
      }),
    );
    await plain.write('single.npy', sampleFile(99));
    const single = await catalogObject(plain, (await plain.head('single.npy'))!);
    const rows = Array.from({ length: 8 }, (_, row) => stacks.map((refs) => refs[(5 * row) % 8]!)).flat();
    const refs = [...rows.slice(0, 7), single[0]!, ...rows.slice(7)];
    const watched = watch(plain);
    const found = await readMarks(watched.store, refs);
    assert.deepEqual(
      found.map(([id]) => id),
      refs.map(({ id }) => id),
    );
    const expected = refs.map((ref) => {
      if (ref.key === 'single.npy') return 99;
      const row = 'row' in ref ? ref.row : Number.NaN;
      return ref.key === 'b.npz' ? undefined : row + (ref.key === 'c.npz' ? 20 : 0);
    });
    assert.deepEqual(
      found.map(([, mark]) => (typeof mark === 'number' ? mark : undefined)),
      expected,
    );
    assert.equal(watched.ranges.length, 4);
  });

  test('starts at most 16 reads ahead of the consumer', async () => {
    const plain = createMemoryStore();
    for (let n = 0; n < 60; n += 1) await plain.write(`s${String(n).padStart(2, '0')}.npy`, sampleFile(n));
    const { refs } = await catalogDataset(plain, {
      labels: Array.from({ length: 60 }, (_, n) => ({ id: `${n}`, target: 0 })),
    });
    const watched = watch(plain);
    let taken = 0;
    for await (const { strain } of readSamples(watched.store, refs)) {
      assert.ok(strain);
      taken += 1;
      assert.ok(watched.ranges.length <= taken + 16, `${watched.ranges.length} reads for ${taken}`);
      if (taken === 30) break;
    }
    assert.ok(watched.ranges.length >= 40);
  });

  test('throws an error of the store instead of rejecting the sample', async () => {
    const store = createMemoryStore();
    const refs = await catalogBytes(store, 'a.npy', sampleFile(0));
    const failing: ObjectStore = {
      ...store,
      read: async () => {
        throw new MachineError('no permission');
      },
    };
    await assert.rejects(() => readMarks(failing, [...refs, ...refs, ...refs]), MachineError);
  });

  test('with a wrong number fails the comparison of these tests', async () => {
    const store = createMemoryStore();
    const data = markedSamples(0);
    data[5000]! += 1;
    const refs = await catalogBytes(store, 'a.npy', encodeNpy({ dtype: '<f8', shape: [3, 4096], data }));
    await assert.rejects(() => readMarks(store, refs), /value 5000 is/);
  });
});

describe('reading samples a few at a time', () => {
  const bytes = 12288 * 8;
  /** Adjacent targets: a reader that writes beyond a target's margins corrupts its neighbours. */
  function makeTargets(count: number): Float64Array[] {
    const step = bytes + 2 * STRAIN_MARGIN;
    const memory = new ArrayBuffer(count * step);
    return Array.from(
      { length: count },
      (_, i) => new Float64Array(memory, i * step + STRAIN_MARGIN, bytes / 8),
    );
  }

  const DIGEST = 'SHA-256 ';
  /** All bytes of a strain, in a form that is compared fast. */
  const digest = (strain: Float64Array) =>
    DIGEST + sha256(new Uint8Array(strain.buffer, strain.byteOffset, strain.byteLength)).toString('hex');

  async function readAll(store: ObjectStore, refs: SampleRef[], size: number) {
    const targets = makeTargets(size);
    const reader = createSampleReader(store, refs);
    const seen: string[] = [];
    for (;;) {
      const reasons = await reader.read(targets);
      if (reasons.length === 0) return seen;
      const good = targets.values();
      for (const reason of reasons) seen.push(reason ?? digest(good.next().value!));
    }
  }

  const turned = Buffer.from(encodeNpy({ dtype: '<f8', shape: [3, 4096], data: markedSamples(4) }));
  turned.write('>', turned.indexOf('<f8'));
  turned.subarray(128).swap64();
  const fortran = Buffer.from(sampleFile(6));
  fortran.write('True, ', fortran.indexOf('False,'));
  const objects = [
    sampleFile(0),
    sampleFile(1).subarray(0, 70_000),
    encodeNpy({ dtype: '<f4', shape: [3, 4096], data: Float32Array.from(markedSamples(2)) }),
    encodeNpy({ dtype: '<f8', shape: [1, 3, 4096], data: markedSamples(3) }),
    turned,
    encodeNpy({ dtype: '<f8', shape: [4096, 3], data: markedSamples(5) }),
    fortran,
    new Uint8Array(0),
    Buffer.concat([sampleFile(8), Buffer.alloc(1)]),
    encodeNpy({ dtype: '|u1', shape: [3, 4096], data: new Uint8Array(12288) }),
    sampleFile(10),
    sampleFile(11),
  ];

  for (const size of [1, 4, 5, 20]) {
    test(`up to ${size}, in place or ahead, gives the same as reading one by one`, async (t) => {
      const files = createFileStore(scratch(t));
      const memory = createMemoryStore();
      for (const [index, object] of objects.entries()) {
        await files.write(`s${index}.npy`, object);
        await memory.write(`s${index}.npy`, object);
      }
      const refs: SampleRef[] = [...objects.keys(), 99].map((index) => ({
        id: `s${index}`,
        key: `s${index}.npy`,
        kind: 'npy',
      }));
      const other: SampleRef = { ...refs[10]!, etag: 'of another version' };
      refs.push(other, refs[0]!);
      const expected: string[] = [];
      for await (const { strain, reason } of readSamples(memory, refs)) {
        expected.push(reason ?? digest(strain));
      }
      assert.equal(expected.filter((each) => !each.startsWith(DIGEST)).length, 7);
      assert.ok(files.folder !== undefined && memory.folder === undefined);
      assert.deepEqual(await readAll(memory, refs, size), expected);
      assert.deepEqual(await readAll(files, refs, size), expected);
      const [first, second, ...rest] = refs;
      assert.notDeepEqual(await readAll(files, [second!, first!, ...rest], size), expected);
    });
  }

  test('throws an error of the store other than a missing or overwritten object', async () => {
    const { folder, ...store } = createFileStore('anywhere');
    const readInto = () => {
      throw new MachineError('the disk is on fire');
    };
    const reader = createSampleReader({ ...store, folder: { ...folder, readInto } }, [
      { id: 'a', key: 'a.npy', kind: 'npy' },
    ]);
    await assert.rejects(reader.read(makeTargets(1)), /on fire/);
  });
});
