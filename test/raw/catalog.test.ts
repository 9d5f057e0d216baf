import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { deflateRawSync } from 'node:zlib';
import { InputError, NotFoundError } from '../../src/core/errors.ts';
import { encodeNpy } from '../../src/numpy/npy.ts';
import { writeNpz } from '../../src/numpy/npz.ts';
import { catalogDataset, catalogFile, catalogObject } from '../../src/raw/catalog.ts';
import type { SampleRef } from '../../src/raw/sample-ref.ts';
import { readSamples } from '../../src/raw/samples.ts';
import { createFileStore } from '../../src/storage/file/file-store.ts';
import type { ObjectStore } from '../../src/storage/store.ts';
import { fixture, scratch } from '../support/fixtures.ts';
import { createMemoryStore } from '../support/memory-store.ts';
import { markedSamples, readMarks, sampleFile, stackFile } from '../support/samples.ts';
import { packTar } from '../support/tar.ts';
import { packZip } from '../support/zip.ts';

async function storeOf(objects: Record<string, Uint8Array | string>): Promise<ObjectStore> {
  const store = createMemoryStore();
  for (const [key, bytes] of Object.entries(objects)) await store.write(key, Buffer.from(bytes));
  return store;
}

/** Counts the calls that read an object's bytes. */
function counting(store: ObjectStore): { store: ObjectStore; reads: string[] } {
  const reads: string[] = [];
  return {
    reads,
    store: {
      ...store,
      read(key, range) {
        reads.push(key);
        return store.read(key, range);
      },
      stream(key, range) {
        reads.push(key);
        return store.stream(key, range);
      },
    },
  };
}

async function catalogOne(store: ObjectStore, key: string, options = {}): Promise<SampleRef[]> {
  const info = await store.head(key);
  assert.ok(info);
  return catalogObject(store, info, options);
}

const labelsOf = (...ids: string[]) => ids.map((id) => ({ id, target: 0 as const }));

/** The archive with 0 as number of entries in its end record: one flipped bit turns 1 into 0. */
function withoutCount(archive: Uint8Array): Uint8Array {
  return archive.fill(0, archive.length - 14, archive.length - 10);
}

describe("a dataset's catalog", () => {
  test("of Kaggle's layout names the samples by their files and opens no file", async () => {
    const { store, reads } = counting(
      await storeOf({
        'train/0/2/0/0203d6b63a.npy': sampleFile(1),
        'train/f/f/1/ff11546e87.npy': sampleFile(2),
        'train/f/f/1/ff11546e88.npy': sampleFile(3),
        'train/f/f/1/._ff11546e87.npy': 'what macOS leaves behind',
        'training_labels.csv': 'id,target\n',
        'sample_submission.csv': 'id,target\n',
      }),
    );
    const progress: number[] = [];
    const labels = labelsOf('0203d6b63a', 'ff11546e87', 'ff11546e88');
    const { refs, faults } = await catalogDataset(store, {
      labels,
      onProgress: (n) => progress.push(n),
    });
    const etagOf = async (key: string) => (await store.head(key))!.etag;
    const [one, two, three] = [
      'train/0/2/0/0203d6b63a.npy',
      'train/f/f/1/ff11546e87.npy',
      'train/f/f/1/ff11546e88.npy',
    ] as const;
    assert.deepEqual(refs, [
      { id: '0203d6b63a', key: one, etag: await etagOf(one), kind: 'npy' },
      { id: 'ff11546e87', key: two, etag: await etagOf(two), kind: 'npy' },
      { id: 'ff11546e88', key: three, etag: await etagOf(three), kind: 'npy' },
    ]);
    assert.deepEqual([faults, reads, progress], [[], [], [3]]);
  });

  test('has a fault for each entry that is named like raw data but is no file, and skips other such entries', async (t) => {
    const folder = scratch(t);
    mkdirSync(join(folder, 'train/X.npy/deeper'), { recursive: true });
    mkdirSync(join(folder, 'train/empty.npz'));
    mkdirSync(join(folder, 'train/empty'));
    for (const key of ['good.npy', 'X.npy/part.npy', 'X.npy/deeper/part.npy', 'X.npy.txt'])
      writeFileSync(join(folder, 'train', key), sampleFile(1));
    for (const name of ['gone.npy', 'gone.txt', 'X.npy/gone.npy'])
      symlinkSync('/nowhere', join(folder, 'train', name));
    const { refs, faults } = await catalogDataset(createFileStore(folder));
    assert.deepEqual(
      refs.map(({ key }) => key),
      ['train/good.npy'],
    );
    assert.deepEqual(faults, [
      { id: '', file: 'train/X.npy', key: 'train/X.npy', reason: 'found a folder, needed a file' },
      { id: '', file: 'train/empty.npz', key: 'train/empty.npz', reason: 'found a folder, needed a file' },
      {
        id: '',
        file: 'train/gone.npy',
        key: 'train/gone.npy',
        reason: 'found a link that points to no file, needed a file',
      },
    ]);
  });

  test('has the samples of all kinds of objects, and a fault for each object without samples', async () => {
    const store = await storeOf({
      'a.npy': sampleFile(0),
      'b.npz': await writeNpz(
        { b1: { dtype: '<f8', shape: [3, 4096], data: markedSamples(1) } },
        { compress: true },
      ),
      'c.tar': packTar([{ name: 'c1.npy', content: sampleFile(2) }]),
      'd.ids.txt': 'd1\nd2\nd3\n',
      'd.npy': stackFile(3, 3),
      'e.npz': 'not a zip',
      'e2.npz': withoutCount(
        await writeNpz({ e2: { dtype: '<f8', shape: [3, 4096], data: markedSamples(2) } }),
      ),
      'f.tar': 'not a tar',
      'g.tar.gz': 'packed',
      'h h.npy': sampleFile(9),
      'i.npy': encodeNpy({ dtype: '<f8', shape: [4, 4096, 3], data: new Float64Array(4 * 12288) }),
      'j.npy': stackFile(3, 4),
    });
    const { refs, faults } = await catalogDataset(store, {
      labels: labelsOf('a', 'b1', 'c1', 'd1', 'd2'),
    });
    assert.deepEqual(await readMarks(store, refs), [
      ['a', 0],
      ['b1', 1],
      ['c1', 2],
      ['d1', 3],
      ['d2', 4],
      ['d3', 5],
    ]);
    assert.deepEqual(
      faults.map(({ file, reason }) => `${file}: ${reason}`),
      [
        'e.npz: found End of central directory record signature not found. Either not a zip file, or file is truncated., needed a valid zip archive',
        'e2.npz: found a directory that continues after its last entry, needed a valid zip archive',
        'f.tar: found the end of the file at byte 0, needed a tar header',
        'g.tar.gz: found a gzip file, needed an uncompressed file',
        'h h.npy: found a name that is not a valid sample id, needed 1-64 letters, digits, _, - or ., not starting with a dot',
        'i.npy: found shape (4, 4096, 3), needed (3, 4096) or a stack of these',
        'j.npy: found 4 samples without ids, needed j.ids.txt with one id per line, or a labels file of exactly these samples in their order',
      ],
    );
    for (const { key, etag } of refs) assert.equal(etag, (await store.head(key))!.etag);
  });

  test('recognizes two float32 samples in a file of the size of one float64 sample, if they have ids', async () => {
    const pair = encodeNpy({
      dtype: '<f4',
      shape: [2, 3, 4096],
      data: Float32Array.from(markedSamples(4, 2)),
    });
    assert.equal(pair.length, sampleFile(0).length);
    const named = await storeOf({ 'x.ids.txt': 'p\nq', 'x.npy': pair });
    const labels = labelsOf('p', 'q', 'r');
    assert.deepEqual(await readMarks(named, (await catalogDataset(named, { labels })).refs), [
      ['p', 4],
      ['q', 5],
    ]);
    const labelled = await storeOf({ 'x.npy': pair });
    const { refs } = await catalogDataset(labelled, { labels: labelsOf('p', 'q') });
    assert.deepEqual(await readMarks(labelled, refs), [
      ['p', 4],
      ['q', 5],
    ]);
    // Without ids for a stack, the file is read as one sample and rejected.
    const bare = await catalogDataset(labelled, { labels });
    assert.deepEqual(await readMarks(labelled, bare.refs), [
      ['x', 'found a stack of 2 samples, needed one sample'],
    ]);
  });

  test('skips the objects that `accept` refuses', async () => {
    const store = await storeOf({ 'test/a.npy': stackFile(0, 2), 'train/b.npy': sampleFile(1) });
    const { refs, faults } = await catalogDataset(store, {
      labels: labelsOf('b'),
      accept: (key) => !key.startsWith('test/'),
    });
    assert.deepEqual(
      refs.map(({ id }) => id),
      ['b'],
    );
    assert.deepEqual(faults, []);
  });

  test('without labels numbers the samples of stacks without ids, and opens no single file', async () => {
    const { store, reads } = counting(await storeOf({ 'a.npy': sampleFile(0), 'b c.npy': stackFile(1, 2) }));
    const { refs } = await catalogDataset(store);
    assert.deepEqual(
      refs.map(({ id }) => id),
      ['a', 'b_c_0', 'b_c_1'],
    );
    assert.deepEqual(reads, ['b c.npy']);
  });

  test('has no fault for a broken file of one sample, even if it is opened: reading it gives the reason', async () => {
    const store = await storeOf({ 'x.npy': sampleFile(0).subarray(0, 5000), 'y.npy': sampleFile(1) });
    const { refs, faults } = await catalogDataset(store, { labels: labelsOf('x', 'y') });
    assert.deepEqual(faults, []);
    assert.deepEqual(await readMarks(store, refs), [
      ['x', 'found the end after 5000 bytes at byte 5000, needed 98432 bytes for <f8 of shape (3, 4096)'],
      ['y', 1],
    ]);
  });
});

describe('the ids of a stack', () => {
  const stack = { 'raw/x.npy': stackFile(0, 3) };

  test('come from the companion file, which may have a BOM, CRLF and empty lines at its end', async () => {
    for (const text of ['p\nq\nr', 'p\nq\nr\n', '\ufeffp\r\nq\r\nr\r\n\r\n']) {
      const store = await storeOf({ ...stack, 'raw/x.ids.txt': text });
      const refs = await catalogOne(store, 'raw/x.npy', { labelIds: ['a', 'b', 'c'] });
      assert.deepEqual(await readMarks(store, refs), [
        ['p', 0],
        ['q', 1],
        ['r', 2],
      ]);
    }
  });

  test('are refused when they are too few, too many, too long or invalid', async () => {
    for (const [text, pattern] of [
      ['p\nq', /raw\/x\.ids\.txt: found 2 ids, needed 3/],
      ['p\nq\nr\ns\n', /found 4 ids, needed 3/],
      ['p\n\nr\n', /found "" on line 2/],
      ['p\n../q\nr\n', /"\.\.\/q" on line 2/],
      ['p'.repeat(10_000), /at most/],
      [Buffer.from([0xff, 0xfe, 0x70, 0]), /UTF-8/],
    ] as const) {
      const store = await storeOf({ ...stack, 'raw/x.ids.txt': text });
      await assert.rejects(
        () => catalogOne(store, 'raw/x.npy'),
        (error) => error instanceof InputError && pattern.test(error.message),
        String(pattern),
      );
    }
  });

  test('are those of the labels, in order, only if there are as many', async () => {
    const store = await storeOf(stack);
    const refs = await catalogOne(store, 'raw/x.npy', { labelIds: ['c', 'a', 'b'] });
    assert.deepEqual(
      refs.map(({ id }) => id),
      ['c', 'a', 'b'],
    );
    const refused = (error: unknown) =>
      error instanceof InputError && /3 samples without ids/.test(error.message);
    await assert.rejects(() => catalogOne(store, 'raw/x.npy', { labelIds: ['a', 'b'] }), refused);
    await assert.rejects(() => catalogOne(store, 'raw/x.npy'), refused);
  });

  test('are the file name for a stack of one', async () => {
    const store = await storeOf({ 'x.npy': stackFile(5, 1) });
    for (const options of [{}, { open: true }]) {
      assert.deepEqual(await readMarks(store, await catalogOne(store, 'x.npy', options)), [['x', 5]]);
    }
  });
});

describe('the catalog of one file', () => {
  test('numbers the samples of a stack, and gives the reason for each array that holds none', async () => {
    const store = await storeOf({
      'golden.npz': readFileSync(fixture('golden.npz')),
      'x.npy': stackFile(0, 3),
    });
    const stack = await catalogFile(store, 'x.npy');
    assert.deepEqual(await readMarks(store, stack.refs), [
      ['x_0', 0],
      ['x_1', 1],
      ['x_2', 2],
    ]);
    const golden = await catalogFile(store, 'golden.npz');
    assert.deepEqual(golden.faults, []);
    const reasons = new Map<string, string>();
    let good = 0;
    for await (const { ref, reason } of readSamples(store, golden.refs)) {
      if (reason === undefined) good += 1;
      else reasons.set(ref.member!, reason);
    }
    assert.equal(good, 20);
    assert.deepEqual([...reasons.keys()], ['avg_psd.npy', 'b.npy', 'a.npy', 'zi.npy', 'psd_raw_first.npy']);
    assert.equal(reasons.get('avg_psd.npy'), 'found shape (3, 2049), needed (3, 4096) or a stack of these');
  });

  test('is refused if the file is missing or of another type', async () => {
    const store = await storeOf({ 'x.csv': 'id,target\n' });
    await assert.rejects(
      () => catalogFile(store, 'x.csv'),
      /x\.csv: found an unsupported file type, needed \.npy, \.npz or \.tar/,
    );
    await assert.rejects(() => catalogFile(store, 'y.npy'), NotFoundError);
  });
});

describe('a hostile or unusual archive', () => {
  test('a compressed or Fortran-order stack that is too large to be read whole is refused before it is read', async () => {
    const rows = 2731;
    const size = 128 + rows * 98304;
    const header = Buffer.from(encodeNpy({ dtype: '<f8', shape: [0, 3, 4096], data: new Float64Array(0) }))
      .toString('latin1')
      .replace('(0, 3, 4096), }   ', `(${rows}, 3, 4096), }`);
    const packed = Buffer.concat([deflateRawSync(Buffer.from(header, 'latin1')), Buffer.alloc(300_000)]);
    const store = await storeOf({
      'x.npz': packZip([{ name: 'x.npy', content: new Uint8Array(0), deflate: true, packed, size }]),
      'x.npy': Buffer.from(header.replace('False', 'True '), 'latin1'),
    });
    await assert.rejects(
      () => catalogOne(store, 'x.npz'),
      /x\.npz!x\.npy: found a compressed stack of 268468224 bytes, needed at most 268435456.*savez/,
    );
    await assert.rejects(
      () => catalogObject(store, { key: 'x.npy', size, etag: '' }),
      /x\.npy: found a Fortran-order stack of 268468224 bytes.*ascontiguousarray/,
    );
  });

  test(".npz: members are read at the right offset, with Python's extra fields and between other members", async () => {
    const extra = Buffer.from('\x01\x00\x10\x00'.padEnd(20, '\0'), 'latin1');
    const store = await storeOf({
      'x.npz': packZip([
        { name: 'a.npy', content: sampleFile(1), extra },
        { name: 'note.txt', content: Buffer.from('hello') },
        { name: 'b.npy', content: sampleFile(2), extra, deflate: true },
        { name: '__MACOSX/._b.npy', content: Buffer.from('x') },
        { name: 'c.npy', content: sampleFile(3), crc: 5 },
        { name: 'd.npy', content: sampleFile(4) },
      ]),
    });
    const seen = await readMarks(store, await catalogOne(store, 'x.npz'));
    assert.deepEqual(
      seen.map(([id, mark]) => [id, typeof mark === 'string' ? mark.replace(/CRC-32 \w+/, 'CRC-32') : mark]),
      [
        ['a', 1],
        ['b', 2],
        ['c', 'found CRC-32, needed 00000005 as the archive says'],
        ['d', 4],
      ],
    );
  });

  test('with another extension has no samples', async () => {
    const store = await storeOf({ 'x.zip': 'PK', 'y.txt': '' });
    assert.deepEqual(await catalogOne(store, 'x.zip'), []);
    assert.deepEqual(await catalogOne(store, 'y.txt'), []);
  });
});
