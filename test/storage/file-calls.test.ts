import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, statSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { NotFoundError, PreconditionError } from '../../src/core/errors.ts';
import { chooseFileCalls, type FileCalls, NO_CALLS } from '../../src/storage/file/file-calls.ts';
import { fileEtag } from '../../src/storage/file/file-listing.ts';
import { createFileStore } from '../../src/storage/file/file-store.ts';
import { compareKeys } from '../../src/storage/key.ts';
import type { ObjectInfo } from '../../src/storage/store.ts';
import { scratch } from '../support/fixtures.ts';

const native = chooseFileCalls();
const etagOf = (path: string) => fileEtag(statSync(path, { bigint: true }));

test('the addon exists on every platform where it can be built', () => {
  assert.equal(native !== NO_CALLS, process.platform === 'linux' && process.arch === 'x64');
});

describe('reading a file with one call', { skip: native === NO_CALLS }, () => {
  test('fills the memory from its start and returns the number of bytes', (t) => {
    const path = join(scratch(t), 'größe 1.npy');
    writeFileSync(path, 'twelve bytes');
    for (const [room, expected] of [
      [20, 12],
      [12, 12],
      [5, 5],
      [0, 0],
    ] as const) {
      const memory = new Uint8Array(room + 4).fill(1);
      assert.equal(native.readFile(path, '', memory.subarray(2, 2 + room)), expected);
      const read = Buffer.from('twelve bytes').subarray(0, expected);
      assert.deepEqual(
        Buffer.from(memory),
        Buffer.concat([Buffer.from([1, 1]), read, Buffer.alloc(room - expected + 2, 1)]),
      );
    }
  });

  test('returns undefined for another version and for anything but a regular file', (t) => {
    const folder = scratch(t);
    const path = join(folder, 'a');
    const memory = new Uint8Array(8);
    writeFileSync(path, 'first');
    const etag = etagOf(path);
    assert.equal(native.readFile(path, etag, memory), 5);
    utimesSync(path, 1, 2.000000001);
    assert.equal(native.readFile(path, etag, memory), undefined);
    assert.equal(native.readFile(path, etagOf(path), memory), 5);
    // JavaScript formats times before 1970 differently in the etag.
    execFileSync('touch', ['-d', '@-1.5', path]);
    assert.equal(native.readFile(path, etagOf(path), memory), undefined);
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    for (const other of [
      folder,
      join(folder, 'pipe'),
      join(folder, 'nothing'),
      `${path}\0`,
      'a'.repeat(5000),
      '',
    ]) {
      assert.equal(native.readFile(other, '', memory), undefined, other.slice(0, 20));
    }
    const calls = native.readFile as (...values: unknown[]) => number | undefined;
    for (const wrong of [
      [],
      [path],
      [path, ''],
      [path, '', 'memory'],
      [path, '', new Float64Array(4)],
      [1, '', memory],
    ]) {
      assert.equal(calls(...wrong), undefined);
    }
    assert.equal(native.readFile(path, 'e'.repeat(100), memory), undefined);
  });

  test('leaves errors to the store, which reports the same ones as without the addon', async (t) => {
    const folder = scratch(t);
    writeFileSync(join(folder, 'a'), 'abc');
    for (const calls of [native, NO_CALLS]) {
      const store = createFileStore(folder, calls);
      const read = (key: string, ifMatch?: string) => store.folder.readInto(key, new Uint8Array(3), ifMatch);
      assert.deepEqual(Buffer.from(read('a', etagOf(join(folder, 'a')))), Buffer.from('abc'));
      assert.throws(() => read('b'), NotFoundError);
      assert.throws(() => read('a', 'another'), PreconditionError);
    }
  });
});

describe('listing a folder with one call', { skip: native === NO_CALLS }, () => {
  /** The listing of a store, with or without the native call per folder. */
  async function list(folder: string, prefix: string, calls: FileCalls): Promise<ObjectInfo[]> {
    const found: ObjectInfo[] = [];
    for await (const info of createFileStore(folder, calls).list(prefix)) found.push(info);
    return found;
  }

  test("finds the same files as Node's calls, in the same order", async (t) => {
    const folder = scratch(t);
    const names = [
      'b',
      'a',
      'A',
      'a.b',
      'ab',
      'é',
      '｡',
      '😀',
      '\u{10ffff}',
      'x y',
      '.hidden',
      '.chirpline-own',
    ];
    for (const [i, name] of names.entries()) writeFileSync(join(folder, name), 'x'.repeat(i));
    truncateSync(join(folder, 'b'), 5 * 2 ** 30);
    assert.notEqual(native.listFolder(folder), undefined);
    for (const prefix of ['', 'a', 'nothing', 'A']) {
      assert.deepEqual(await list(folder, prefix, native), await list(folder, prefix, NO_CALLS), prefix);
    }
    const listed = (await list(folder, '', native)).map(({ key }) => key);
    assert.deepEqual(listed, names.slice(0, -1).toSorted(compareKeys));
  });

  test('returns undefined for a folder that holds anything but files', async (t) => {
    const folder = scratch(t);
    const make = (name: string) => {
      const path = join(folder, name);
      mkdirSync(path);
      writeFileSync(join(path, 'file'), 'x');
      return path;
    };
    mkdirSync(join(make('folder'), 'inner'));
    symlinkSync('file', join(make('link'), 'linked'));
    symlinkSync('/nowhere', join(make('dangling'), 'linked'));
    execFileSync('mkfifo', [join(make('pipe'), 'pipe')]);
    for (const name of ['folder', 'link', 'dangling', 'pipe', 'nothing', 'file/file']) {
      assert.equal(native.listFolder(join(folder, name)), undefined, name);
    }
    assert.deepEqual(await list(folder, '', native), await list(folder, '', NO_CALLS));
    const plain = make('plain');
    assert.deepEqual(native.listFolder(plain)?.names, 'file');
    execFileSync('touch', ['-d', '1969-01-01', join(plain, 'file')]);
    assert.equal(native.listFolder(plain), undefined);
    // The nanoseconds of this time overflow 64 bits. Some file systems limit times earlier.
    execFileSync('touch', ['-d', '@20000000000', join(plain, 'file')]);
    assert.deepEqual(await list(plain, '', native), await list(plain, '', NO_CALLS));
    mkdirSync(join(folder, 'empty'));
    assert.deepEqual(await list(join(folder, 'empty'), '', native), []);
  });
});
