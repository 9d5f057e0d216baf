import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { streamPack } from '../../src/cloud/upload/packing.ts';
import { uploadFolder } from '../../src/cloud/upload/uploader.ts';
import { ConflictError, InputError, StoppedError } from '../../src/core/errors.ts';
import { createTaskRunner } from '../../src/preprocess/chunk-task.ts';
import { parseRejected } from '../../src/preprocess/state/rejected.ts';
import { sampleKey } from '../../src/simulate/layout.ts';
import { openStore } from '../../src/storage/open.ts';
import type { ObjectStore } from '../../src/storage/store.ts';
import { makeBucket } from '../storage/bucket.ts';
import { countReads } from '../support/counting.ts';
import { writeDataset, writeLabels } from '../support/dataset.ts';
import { type Emulator, setEnvironment, startEmulator } from '../support/emulator.ts';
import { scratch } from '../support/fixtures.ts';
import { createMemoryStore } from '../support/memory-store.ts';
import { runPython } from '../support/python.ts';
import { sampleFile, stackFile } from '../support/samples.ts';
import { estimatePsd, needPlan, runWhole, SETTINGS } from '../support/steps.ts';

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

async function keysOf(store: ObjectStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list('')) keys.push(key);
  return keys;
}

/** A folder of small files. The ids in `labelled` have labels, in this order. */
async function folderOf(keys: readonly string[], labelled: readonly string[]): Promise<ObjectStore> {
  const store = createMemoryStore();
  for (const [index, key] of keys.entries()) await store.write(key, Buffer.from(`content ${index}`));
  await writeLabels(
    store,
    labelled.map((id) => [id, 0]),
  );
  return store;
}

/** Names of a pack's members, read from its index. */
async function membersOf(store: ObjectStore, key: string): Promise<string[]> {
  const bytes = await store.read(key);
  const length = Number.parseInt(text(bytes.subarray(124, 135)), 8);
  return (JSON.parse(text(bytes.subarray(512, 512 + length))) as [string, number][]).map(([name]) => name);
}

/** A store that calls `act` before each write. */
function beforeWrite(store: ObjectStore, act: (key: string) => void): ObjectStore {
  return {
    ...store,
    write(key, bytes, options) {
      act(key);
      return store.write(key, bytes, options);
    },
  };
}

describe('files in packs', () => {
  test('follow the order of the labels; files without exactly one label come last', async () => {
    const keys = ['train/a.npy', 'train/b.npy', 'train/c.npy', 'd.npy', 'x/e.npy', 'y/e.npy'];
    const from = await folderOf(keys, ['c', 'e', 'a', 'nowhere', 'b']);
    const to = createMemoryStore();
    const result = await uploadFolder(from, to, { perPack: 2 });
    assert.deepEqual(result, {
      uploaded: 6,
      skipped: 0,
      leftOut: 0,
      objects: 3,
      bytes: result.bytes,
      labels: true,
    });
    assert.deepEqual(await keysOf(to), [
      'train/pack-00000-of-00003.tar',
      'train/pack-00001-of-00003.tar',
      'train/pack-00002-of-00003.tar',
      'training_labels.csv',
    ]);
    assert.deepEqual(
      await Promise.all([0, 1, 2].map((pack) => membersOf(to, `train/pack-0000${pack}-of-00003.tar`))),
      [
        ['train/c.npy', 'train/a.npy'],
        ['train/b.npy', 'd.npy'],
        ['x/e.npy', 'y/e.npy'],
      ],
    );
  });

  test('follow their names if there are no labels, and test samples get separate packs', async () => {
    const from = await folderOf(['test/b.npy', 'test/a.npy', 'train/c.npy'], []);
    await from.remove('training_labels.csv');
    const to = createMemoryStore();
    assert.equal((await uploadFolder(from, to, { perPack: 9 })).labels, false);
    assert.deepEqual(await keysOf(to), ['test/pack-00000-of-00001.tar', 'train/pack-00000-of-00001.tar']);
    assert.deepEqual(await membersOf(to, 'test/pack-00000-of-00001.tar'), ['test/a.npy', 'test/b.npy']);
  });

  test('are only single samples: stacks, archives, companions and odd names are uploaded as they are', async () => {
    const long = `${'l'.repeat(120)}.npy`;
    const from = await folderOf(['a.npy', 'b.npy', 'b.ids.txt', 'c.npz', 'd.tar', 'e\\f.npy', long], ['a']);
    await from.write('stack.npy', stackFile(0, 2));
    await from.write('notes.txt', Buffer.from('not raw'));
    const to = createMemoryStore();
    await uploadFolder(from, to, { perPack: 4 });
    assert.deepEqual(
      await keysOf(to),
      ['b.ids.txt', 'b.npy', 'c.npz', 'd.tar', 'e\\f.npy', long, 'stack.npy'].concat([
        'train/pack-00000-of-00001.tar',
        'training_labels.csv',
      ]),
    );
    for (const key of ['stack.npy', 'b.npy', long])
      assert.deepEqual(await to.read(key), await from.read(key));
  });

  test('are uploaded after the files that name the samples of stacks', async () => {
    const from = await folderOf(['a.ids.txt', 'a.npy', 'b.npy', 'c.npy', 'z.ids.txt', 'z.npz'], ['b', 'c']);
    for (const perPack of [1, 2]) {
      const written: string[] = [];
      const to = beforeWrite(createMemoryStore(), (key) => written.push(key));
      await uploadFolder(from, to, { perPack });
      assert.deepEqual(written.slice(0, 2).sort(), ['a.ids.txt', 'z.ids.txt']);
      assert.equal(written.length, perPack === 1 ? 7 : 6);
      assert.equal(written.at(-1), 'training_labels.csv');
    }
  });

  test('give the same bytes each time, and Python can read them', async () => {
    const from = createMemoryStore();
    await writeDataset(from, 5);
    const [once, again] = [createMemoryStore(), createMemoryStore()];
    await uploadFolder(from, once, { perPack: 3 });
    await uploadFolder(from, again, { perPack: 3 });
    const folder = mkdtempSync(join(tmpdir(), 'packs-'));
    try {
      for (const key of await keysOf(once)) {
        assert.deepEqual(await once.read(key), await again.read(key), key);
        writeFileSync(join(folder, key.replaceAll('/', '-')), await once.read(key));
      }
      const printed = runPython(
        `
import glob, hashlib, io, sys, tarfile, numpy
for name in sorted(glob.glob(sys.argv[1] + '/*.tar')):
    with tarfile.open(name) as archive:
        for member in archive.getmembers()[1:]:
            data = archive.extractfile(member).read()
            assert numpy.load(io.BytesIO(data)).shape == (3, 4096)
            assert (member.mtime, member.uid, member.mode) == (0, 0, 0o644)
            print(member.name, len(data))
`,
        folder,
      );
      const files = (await keysOf(from)).filter((key) => key.endsWith('.npy'));
      assert.deepEqual(
        printed.trim().split('\n'),
        files.map((key) => `${key} 98432`),
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('records made from packs', () => {
  async function preprocess(raw: ObjectStore): Promise<ObjectStore> {
    const stores = { raw, records: createMemoryStore() };
    await runWhole(stores, { ...SETTINGS, psdSamples: 10 });
    return stores.records;
  }

  test('have the same bytes as records made from single files, even if some files are broken', async () => {
    const raw = createMemoryStore();
    const { ids } = await writeDataset(raw, 30);
    const whole = await raw.read(sampleKey(ids[3]!));
    await raw.write(sampleKey(ids[3]!), whole.subarray(0, 5000));
    await raw.write(sampleKey(ids[4]!), new Uint8Array(0));
    await raw.write(sampleKey(ids[5]!), Buffer.from('no array'));
    await raw.remove(sampleKey(ids[6]!));
    await raw.write('train/f/f/f/ffffffffff.npy', whole);
    const packed = createMemoryStore();
    await uploadFolder(raw, packed, { perPack: 8 });
    const [plain, other] = [await preprocess(raw), await preprocess(packed)];
    const keys = (await keysOf(plain)).filter((key) => /^[^/]+\.(tfrecord|npz)$/.test(key));
    assert.equal(keys.length, 5);
    for (const key of keys) assert.deepEqual(await other.read(key), await plain.read(key), key);
    const reasons = async (store: ObjectStore) =>
      parseRejected(text(await store.read('rejected.csv'))).map(({ id, reason }) => [id, reason]);
    assert.deepEqual(await reasons(other), await reasons(plain));
    assert.equal((await reasons(plain)).length, 5);
  });

  test('need only one long read per chunk, from one pack', async () => {
    const raw = createMemoryStore();
    await writeDataset(raw, 32);
    const packed = createMemoryStore();
    await uploadFolder(raw, packed, { perPack: 8 });
    const { store, reads } = countReads(packed);
    const stores = { raw: store, records: createMemoryStore() };
    const plan = await needPlan(stores, { ...SETTINGS, psdSamples: 4 });
    await estimatePsd(stores, plan);
    const run = createTaskRunner(stores);
    reads.length = 0;
    for (const index of plan.shards.keys()) await run({ step: 'shard', plan: plan.id, index });
    assert.deepEqual(
      reads.map(({ key }) => key),
      [0, 1, 2, 3].map((index) => `train/pack-0000${index}-of-00004.tar`),
    );
  });
});

describe('an upload', () => {
  test('that was stopped has not written the labels, and can be resumed', async () => {
    const from = createMemoryStore();
    await writeDataset(from, 20);
    const to = createMemoryStore();
    const stop = new AbortController();
    let files = 0;
    const halting = {
      ...from,
      read: (key: string) => {
        files += 1;
        if (files === 12) stop.abort();
        return from.read(key);
      },
    };
    await assert.rejects(uploadFolder(halting, to, { perPack: 4 }, {}, stop.signal), StoppedError);
    const there = await keysOf(to);
    assert.ok(there.length < 5 && !there.includes('training_labels.csv'), there.join());
    const result = await uploadFolder(from, to, { perPack: 4 });
    assert.equal(result.objects, 5 - there.length);
    assert.equal(result.skipped, 4 * there.length);
    const whole = createMemoryStore();
    await uploadFolder(from, whole, { perPack: 4 });
    for (const key of await keysOf(whole)) assert.deepEqual(await to.read(key), await whole.read(key), key);
  });

  test('that failed starts no further writes, and throws the error', async () => {
    const from = await folderOf(
      Array.from({ length: 90 }, (_, index) => `train/${index}.npy`),
      [],
    );
    const written: string[] = [];
    const to = beforeWrite(createMemoryStore(), (key) => {
      written.push(key);
      throw new Error('the disk is full');
    });
    await assert.rejects(uploadFolder(from, to, { perPack: 1 }), /the disk is full/);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.ok(written.length <= 16, `${written.length} writes`);
  });

  test('sends only changed files', async () => {
    const from = await folderOf(['a.npy', 'b.npy', 'c.npy', 'd.npy'], ['a', 'b', 'c', 'd']);
    for (const perPack of [1, 2]) {
      const to = createMemoryStore();
      await from.write('c.npy', Buffer.from('content 2'));
      await uploadFolder(from, to, { perPack });
      await from.write('c.npy', Buffer.from('CONTENT 2'));
      const { uploaded, skipped } = await uploadFolder(from, to, { perPack });
      assert.deepEqual([uploaded, skipped], [perPack, 4 - perPack]);
      assert.equal((await uploadFolder(from, to, { perPack })).uploaded, 0);
    }
  });

  test('counts every file in its progress, sent or not', async () => {
    const from = await folderOf(['a.npy', 'b.npy', 'c.npz'], ['a']);
    const to = createMemoryStore();
    for (let round = 0; round < 2; round += 1) {
      const seen: string[] = [];
      await uploadFolder(
        from,
        to,
        { perPack: 2 },
        { progress: ({ done, total }) => seen.push(`${done}/${total}`) },
      );
      assert.equal(seen.at(-1), '3/3');
    }
  });

  test('names the entries that it cannot upload, and sends the others', async (t) => {
    const folder = scratch(t);
    writeFileSync(join(folder, 'a.npy'), 'x');
    for (let i = 0; i < 12; i++) symlinkSync('/nowhere', join(folder, `gone-${10 + i}.npy`));
    mkdirSync(join(folder, 'empty.npz'));
    symlinkSync('/nowhere', join(folder, 'gone.txt'));
    const to = createMemoryStore();
    const said: string[] = [];
    const result = await uploadFolder(openStore(folder), to, {}, { say: (line) => said.push(line) });
    assert.deepEqual([result.uploaded, result.leftOut], [1, 13]);
    assert.deepEqual(await keysOf(to), ['a.npy']);
    assert.equal(said.length, 11);
    assert.equal(said[0], `left out: ${folder}/empty.npz/: found an empty folder, needed a file`);
    assert.equal(
      said[1],
      `left out: ${folder}/gone-10.npy: found a link that points to no file, needed a file`,
    );
    assert.equal(said[10], 'left out: 3 more');
  });

  test('of a file whose size changes meanwhile is refused', async () => {
    const from = await folderOf(['a.npy'], ['a']);
    const pack = {
      key: 'train/pack-00000-of-00001.tar',
      files: [{ key: 'a.npy', size: 12 }],
      index: new Uint8Array(0),
      size: 0,
    };
    await assert.rejects(async () => {
      for await (const _ of streamPack(from, pack));
    }, InputError);
  });

  test('refuses to add a sample that a pack already holds, and to overwrite a pack of other samples', async () => {
    const keys = ['a.npy', 'b.npy', 'c.npy'];
    const from = await folderOf(keys, ['a', 'b', 'c']);
    const [single, packed] = [createMemoryStore(), createMemoryStore()];
    await uploadFolder(from, single);
    await uploadFolder(from, packed, { perPack: 2 });
    await assert.rejects(uploadFolder(from, single, { perPack: 2 }), ConflictError);
    await assert.rejects(uploadFolder(from, packed), ConflictError);
    await assert.rejects(uploadFolder(from, packed, { perPack: 3 }), ConflictError);
    const later = await folderOf(['d.npy', 'e.npy', 'f.npy'], ['d']);
    await assert.rejects(uploadFolder(later, packed, { perPack: 2 }), ConflictError);
    await uploadFolder(later, packed);
    assert.equal((await keysOf(packed)).length, 2 + 3 + 1);
    await from.write('train/pack-00000-of-00002.tar', Buffer.from('of the user'));
    await assert.rejects(uploadFolder(from, createMemoryStore(), { perPack: 2 }), ConflictError);
  });
});

describe('a bucket', () => {
  let emulator: Emulator;
  let restore: () => void;
  before(async () => {
    emulator = await startEmulator();
    restore = setEnvironment(emulator.env);
    await makeBucket('uploads');
  });
  after(async () => {
    restore();
    await emulator.stop();
  });

  test('gets packs in parts, and recognizes them by the ETag of their parts', async () => {
    const from = createMemoryStore();
    const count = 180;
    for (let index = 0; index < count; index += 1) await from.write(`train/s${index}.npy`, sampleFile(index));
    await from.write('stack.npy', stackFile(0, 100));
    const to = openStore('s3://uploads/raw/set');
    const first = await uploadFolder(from, to, { perPack: 100 });
    assert.equal(first.uploaded, count + 1);
    const { etag, size } = (await to.head('train/pack-00000-of-00002.tar'))!;
    assert.match(etag, /-2"$/);
    assert.ok(size > 8 << 20);
    const again = await uploadFolder(from, to, { perPack: 100 });
    assert.deepEqual([again.uploaded, again.skipped], [0, count + 1]);
    await from.write('train/s7.npy', sampleFile(1000));
    const changed = await uploadFolder(from, to, { perPack: 100 });
    assert.deepEqual([changed.uploaded, changed.objects], [80, 1]);
  });

  test('recognizes files by their MD5', async () => {
    const from = await folderOf(['a.npy', 'b.npy'], ['a', 'b']);
    const to = openStore('s3://uploads/raw/small');
    assert.equal((await uploadFolder(from, to)).uploaded, 2);
    assert.equal((await uploadFolder(from, to)).skipped, 2);
    assert.deepEqual(await to.read('a.npy'), new Uint8Array(await from.read('a.npy')));
  });
});
