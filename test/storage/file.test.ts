import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { InputError, MachineError, NotFoundError, PreconditionError } from '../../src/core/errors.ts';
import { NO_CALLS } from '../../src/storage/file/file-calls.ts';
import { explainFileError, explainShortage } from '../../src/storage/file/file-errors.ts';
import { createFileStore } from '../../src/storage/file/file-store.ts';
import { listInParts } from '../../src/storage/parallel-listing.ts';
import { isStream, probeWriting } from '../../src/storage/probe.ts';
import type { ObjectInfo, ObjectStore } from '../../src/storage/store.ts';
import { mockClock } from '../support/clock.ts';
import { scratch } from '../support/fixtures.ts';

const WRITER = fileURLToPath(new URL('writer.ts', import.meta.url));
const bytes = (text: string) => new Uint8Array(Buffer.from(text));

async function keys(store: ObjectStore): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of store.list('')) found.push(key);
  return found;
}

/** Starts writer.ts as a separate process, with these options of Node. */
function startWriter(options: string[], ...args: string[]) {
  return startWriterIn(process.env, options, ...args);
}

function startWriterIn(env: NodeJS.ProcessEnv, options: string[], ...args: string[]) {
  return spawn(process.execPath, [...options, '--import', 'tsx', WRITER, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env,
  });
}

/** An environment whose processes load preload.c, controlled by these variables. */
function preloaded(t: TestContext, variables: Record<string, string>) {
  const library = join(scratch(t), 'preload.so');
  const source = fileURLToPath(new URL('preload.c', import.meta.url));
  execFileSync('g++', ['-x', 'c', '-shared', '-fPIC', '-o', library, source, '-ldl']);
  return { ...process.env, LD_PRELOAD: library, ...variables };
}

/** An environment without hard links: link() fails with this error. */
function withoutLinks(t: TestContext, error: number, folder: string) {
  return preloaded(t, { REFUSE_LINK: String(error), FOLDER: folder });
}

async function outputOf(child: ReturnType<typeof startWriter>): Promise<string> {
  let output = '';
  child.stdout.on('data', (text) => {
    output += text;
  });
  await once(child, 'close');
  assert.equal(child.exitCode, 0);
  return output;
}

test('a killed writer leaves nothing under the key, and its temporary file is removed once it is old', async (t) => {
  const folder = scratch(t);
  const child = startWriter([], 'endless', folder);
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'close');

  const leftover = readdirSync(folder);
  assert.equal(leftover.length, 1);
  const path = join(folder, leftover[0]!);
  assert.ok(statSync(path).size > 0);
  assert.deepEqual(await keys(createFileStore(folder)), []);

  // A recent temporary file stays, since its writer may still be running.
  await createFileStore(folder).write('first', bytes('1'));
  assert.equal(readdirSync(folder).length, 2);
  const old = Date.now() / 1000 - 2 * 60 * 60;
  utimesSync(path, old, old);
  await createFileStore(folder).write('second', bytes('2'));
  assert.deepEqual(readdirSync(folder), ['first', 'second']);
});

test('a streamed object of any size is complete, whether or not the file system supports O_DIRECT', async (t) => {
  const memory = mkdtempSync('/dev/shm/chirpline-test-');
  t.after(() => rmSync(memory, { recursive: true }));
  const sizes = [0, 1, 4096, (2 << 20) - 2, (2 << 20) - 1, 2 << 20, (2 << 20) + 2, 5_000_123, 5_000_124];
  for (const folder of [scratch(t), memory]) {
    const store = createFileStore(folder);
    await Promise.all(
      sizes.map(async (size) => {
        const wanted = Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8) * 17 + size) & 255);
        async function* pieces() {
          const buffer = new Uint8Array(100_003);
          for (let start = 0; start < size; start += buffer.length) {
            const part = wanted.subarray(start, start + buffer.length);
            buffer.set(part);
            yield buffer.subarray(0, part.length);
            await sleep(0);
          }
        }
        const info = await store.write(`${size}`, pieces(), { uncached: size % 2 === 0 });
        assert.equal(info.size, size);
        assert.ok(Buffer.from(await store.read(`${size}`)).equals(wanted), `${size} bytes`);
      }),
    );
    assert.equal(readdirSync(folder).length, sizes.length);
  }
});

test('a streamed object is written even without WebAssembly memory', async (t) => {
  const folder = scratch(t);
  const child = startWriter(['--jitless'], 'pieces', folder);
  assert.equal(await outputOf(child), '5000150\n');
  const found = await createFileStore(folder).read('pieces');
  assert.ok(found.every((byte, i) => byte === Math.floor(i / 100_003)));
});

test('when several processes write the same keys with ifAbsent, each key has one winner', async (t) => {
  const folder = scratch(t);
  const outputs = await Promise.all(
    [1, 2, 3].map((i) => outputOf(startWriter([], 'claim', folder, `process ${i}`))),
  );
  const wins = outputs.flatMap((output) => output.trim().split('\n').filter(Boolean));
  assert.equal(wins.length, 100);
  assert.equal(new Set(wins).size, 100);
  assert.equal((await keys(createFileStore(folder))).length, 100);
});

describe('on a file system without hard links', () => {
  const { EPERM, ENOSYS, ENOTSUP } = constants.errno;
  for (const [name, error] of Object.entries({ EPERM, ENOSYS, ENOTSUP })) {
    test(`when several processes write the same keys with ifAbsent, each key has one winner (${name})`, async (t) => {
      const folder = scratch(t);
      const env = withoutLinks(t, error, folder);
      const outputs = await Promise.all(
        [1, 2, 3].map((i) => outputOf(startWriterIn(env, [], 'claim', folder, `process ${i}`))),
      );
      const wins = outputs.map((output) => output.trim().split('\n').filter(Boolean));
      assert.equal(wins.flat().length, 100);
      assert.equal(new Set(wins.flat()).size, 100);
      for (const [i, keys] of wins.entries())
        for (const key of keys) assert.equal(readFileSync(join(folder, key), 'utf8'), `process ${i + 1}`);
      assert.equal(readdirSync(folder).length, 100, 'other files are left beside the objects');
    });
  }

  test('the claim of a killed writer delays the next writer only briefly', async (t) => {
    const folder = scratch(t);
    const env = withoutLinks(t, EPERM, folder);
    const killed = startWriterIn({ ...env, KILL_RENAME: '3' }, [], 'claim', folder, 'killed');
    await once(killed, 'close');
    assert.equal(killed.signalCode, 'SIGKILL');
    assert.deepEqual(await keys(createFileStore(folder)), ['key 0', 'key 1']);
    const left = readdirSync(folder).filter((name) => name.startsWith('.chirpline-'));
    assert.equal(left.length, 1, `${left}`);
    const output = await outputOf(startWriterIn(env, [], 'claim', folder, 'next'));
    assert.equal(output.trim().split('\n').length, 98);
    assert.equal(readFileSync(join(folder, 'key 2'), 'utf8'), 'next');
    // The killed writer's file is removed once it is old.
    for (const name of readdirSync(folder).filter((name) => name.startsWith('.chirpline-')))
      utimesSync(join(folder, name), 1, 1);
    await createFileStore(folder).write('last', bytes('x'));
    assert.equal(readdirSync(folder).length, 101);
  });

  test('a writer killed while replacing a version delays the next writer only briefly', async (t) => {
    const folder = scratch(t);
    const store = createFileStore(folder);
    await store.write('counter', bytes('0'));
    const env = withoutLinks(t, EPERM, folder);
    const killed = startWriterIn({ ...env, KILL_RENAME: '3' }, [], 'count', folder, 'killed');
    await once(killed, 'close');
    assert.equal(killed.signalCode, 'SIGKILL');
    const before = Number(readFileSync(join(folder, 'counter'), 'utf8'));
    await outputOf(startWriterIn(env, [], 'count', folder, 'next'));
    assert.equal(readFileSync(join(folder, 'counter'), 'utf8'), String(before + 50));
  });

  test('a writer suspended while it holds the claim loses to another writer', async (t) => {
    const folder = scratch(t);
    const env = withoutLinks(t, EPERM, folder);
    const sleeper = startWriterIn({ ...env, PAUSE_RENAME: '1' }, [], 'claim', folder, 'sleeper');
    const slept = outputOf(sleeper);
    const isStopped = () => /^State:\s+T/m.test(readFileSync(`/proc/${sleeper.pid}/status`, 'utf8'));
    while (!isStopped()) await sleep(10);
    const output = await outputOf(startWriterIn(env, [], 'claim', folder, 'other'));
    assert.equal(output.trim().split('\n').length, 100);
    sleeper.kill('SIGCONT');
    assert.equal(await slept, '');
    for (let i = 0; i < 100; i++) assert.equal(readFileSync(join(folder, `key ${i}`), 'utf8'), 'other');
    assert.equal(readdirSync(folder).length, 100);
  });
});

test('increments of several processes with ifMatch are not lost', async (t) => {
  const folder = scratch(t);
  const store = createFileStore(folder);
  await store.write('counter', bytes('0'));
  await Promise.all([1, 2, 3].map(() => outputOf(startWriter([], 'count', folder))));
  assert.equal(Buffer.from(await store.read('counter')).toString(), '150');
  assert.deepEqual(readdirSync(folder), ['counter']);
});

test('symbolic links are followed, and only regular files are objects', async (t) => {
  const folder = scratch(t);
  const elsewhere = scratch(t);
  writeFileSync(join(elsewhere, 'x.npy'), 'x');
  symlinkSync(elsewhere, join(folder, 'linked'));
  symlinkSync(join(elsewhere, 'x.npy'), join(folder, 'file'));
  symlinkSync('/nowhere/at/all', join(folder, 'dangling'));
  symlinkSync('itself', join(folder, 'itself'));
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  mkdirSync(join(folder, 'empty folder'));
  const store = createFileStore(folder);
  assert.deepEqual(await keys(store), ['file', 'linked/x.npy']);
  assert.deepEqual(await store.read('linked/x.npy'), bytes('x'));
  for (const [key, instead] of [
    ['dangling', 'a link that points to no file'],
    ['itself', 'a link that points to no file'],
    ['pipe', 'a pipe, socket or device'],
    ['empty folder', 'a folder'],
    ['nothing', undefined],
    ['file/x', undefined],
  ] as const) {
    assert.equal(await store.head(key), undefined);
    await assert.rejects(
      store.read(key),
      (error) => error instanceof NotFoundError && error.instead === instead,
      key,
    );
  }
});

test('a listing with faults describes each entry that can not be read', async (t) => {
  const folder = scratch(t);
  writeFileSync(join(folder, 'a.npy'), 'x');
  symlinkSync('/nowhere/at/all', join(folder, 'b.npy'));
  symlinkSync('c.npy', join(folder, 'c.npy'));
  execFileSync('mkfifo', [join(folder, 'd.npy')]);
  mkdirSync(join(folder, 'e.npy'));
  const deep = Array(5).fill('d'.repeat(250)).join('/');
  mkdirSync(join(folder, deep), { recursive: true });
  writeFileSync(join(folder, deep, 'x.npy'), 'x');
  const raw = (...parts: (string | number[])[]) => Buffer.concat(parts.map((part) => Buffer.from(part)));
  writeFileSync(raw(`${folder}/f`, [0xff], '.npy'), 'x');
  mkdirSync(raw(`${folder}/g`, [0xff]));
  writeFileSync(raw(`${folder}/g`, [0xff], '/x.npy'), 'x');
  const tooLong = deep.slice(0, 4 * 251);
  mkdirSync(join(folder, tooLong, 'f'.repeat(17)));
  writeFileSync(join(folder, tooLong, 'f'.repeat(17), 'abc'), 'x');
  const expected = [
    ['a.npy', undefined],
    ['b.npy', 'found a link that points to no file, needed a file'],
    ['c.npy', 'found a link that points to no file, needed a file'],
    ['d.npy', 'found a pipe, socket or device, needed a file'],
    [`${deep}/`, 'found a key with 1256 bytes, more than 1024, needed a relative key'],
    [`${tooLong}${'f'.repeat(17)}/abc`, 'found a key with 1025 bytes, more than 1024, needed a relative key'],
    ['e.npy/', 'found an empty folder, needed a file'],
    ['f\ufffd.npy', 'found a name that is not UTF-8, needed UTF-8'],
    ['g\ufffd/', 'found a name that is not UTF-8, needed UTF-8'],
  ];
  for (const store of [createFileStore(folder), createFileStore(folder, NO_CALLS)]) {
    const found: ObjectInfo[] = [];
    for await (const info of store.list('', { faults: true })) found.push(info);
    assert.deepEqual(
      found.map(({ key, fault }) => [key, fault?.replace(/ such as .*/, '')]),
      expected,
    );
    assert.deepEqual(await keys(store), ['a.npy']);
    const parts: ObjectInfo[] = [];
    for await (const part of listInParts(store, () => true)) parts.push(...part);
    assert.deepEqual(parts, found);
  }
});

test('a link to a parent folder is an error, not an endless listing', async (t) => {
  const folder = scratch(t);
  mkdirSync(join(folder, 'a'));
  symlinkSync(folder, join(folder, 'a', 'up'));
  await assert.rejects(
    keys(createFileStore(folder)),
    /^MachineError: cannot list .*\/a\/up.*Remove the link/,
  );
});

test('writing over a link writes its target, also one that does not exist yet, and keeps the link', async (t) => {
  const [folder, other] = [scratch(t), scratch(t)];
  writeFileSync(join(other, 'target'), 'old');
  mkdirSync(join(folder, 'sub'));
  symlinkSync(join(other, 'target'), join(folder, 'k'));
  symlinkSync('k', join(folder, 'again'));
  symlinkSync('../later', join(folder, 'sub', 'dangling'));
  const store = createFileStore(folder);
  const { etag } = await store.write('again', bytes('new'));
  assert.equal(readFileSync(join(other, 'target'), 'utf8'), 'new');
  assert.equal((await store.head('k'))?.etag, etag);
  await assert.rejects(store.write('k', bytes('no'), { ifAbsent: true }), PreconditionError);
  await store.write('k', bytes('newer'), { ifMatch: etag });
  assert.deepEqual(await store.read('again'), bytes('newer'));
  await store.write('sub/dangling', bytes('x'), { ifAbsent: true });
  assert.equal(readFileSync(join(folder, 'later'), 'utf8'), 'x');
  for (const name of ['k', 'again', 'sub/dangling'])
    assert.ok(lstatSync(join(folder, name)).isSymbolicLink(), name);
  symlinkSync('loop', join(folder, 'loop'));
  await assert.rejects(store.write('loop', bytes('x')), /symbolic links form a loop/);
  assert.deepEqual(readdirSync(other), ['target']);
});

test('a pipe is written into, piece by piece, as fast as it is read', async (t) => {
  const folder = scratch(t);
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const reader = spawn('sh', ['-c', 'sleep 0.2; wc -c < "$0"', pipe]);
  const read = text(reader.stdout);
  const store = createFileStore(folder);
  async function* pieces() {
    for (let piece = 0; piece < 5; piece += 1) yield new Uint8Array(100_000);
  }
  assert.deepEqual(await store.write('pipe', pieces(), { ifAbsent: true }), {
    key: 'pipe',
    size: 500_000,
    etag: '',
  });
  assert.equal((await read).trim(), '500000');
  assert.ok(lstatSync(pipe).isFIFO());
  assert.deepEqual(readdirSync(folder), ['pipe']);
});

test('a pipe that nobody reads is an error after a while, and a full device at once', async (t) => {
  mockClock(t);
  const folder = scratch(t);
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  symlinkSync('/dev/full', join(folder, 'full'));
  const store = createFileStore(folder);
  await assert.rejects(store.write('pipe', bytes('x')), /cannot write .*pipe: no program reads from it/);
  await assert.rejects(store.write('full', bytes('x')), /cannot write .*full: no space left/);
  await createFileStore('/dev').write('null', bytes('x'));
  assert.ok(lstatSync('/dev/null').isCharacterDevice());
});

test('an output to be written later is probed at its target, and a device is not', async (t) => {
  const [folder, other] = [scratch(t), scratch(t)];
  symlinkSync(join(other, 'out.csv'), join(folder, 'link'));
  symlinkSync('/dev/null', join(folder, 'null'));
  symlinkSync(other, join(folder, 'folder'));
  const store = createFileStore(folder);
  await probeWriting(store, 'link');
  await probeWriting(store, 'null');
  await assert.rejects(probeWriting(store, 'folder'), /a folder with this name exists/);
  assert.deepEqual([isStream(store, 'link'), isStream(store, 'null')], [false, true]);
  assert.deepEqual([readdirSync(folder), readdirSync(other)], [['folder', 'link', 'null'], []]);
});

test("the store's own names are refused as keys", async (t) => {
  const store = createFileStore(scratch(t));
  await assert.rejects(store.write('a/.chirpline-x', bytes('x')), InputError);
  await assert.rejects(store.read('.chirpline-x/y'), InputError);
});

test('an object too large for one read is refused, but ranges and streams of it can be read', async (t) => {
  const folder = scratch(t);
  writeFileSync(join(folder, 'large'), '');
  // Sparse: takes no disk space.
  truncateSync(join(folder, 'large'), 5 * 2 ** 30);
  const store = createFileStore(folder);
  await assert.rejects(store.read('large'), /found 5368709120 bytes, needed at most 2147483647/);
  const range = { offset: 5 * 2 ** 30 - 3, length: 10 };
  assert.deepEqual(await store.read('large', range), new Uint8Array(3));
  for await (const chunk of store.stream('large')) {
    assert.ok(chunk.length <= 4 * 2 ** 20);
    break;
  }
});

test('a missing folder is an empty store, and is created by the first write', async (t) => {
  const store = createFileStore(join(scratch(t), 'a', 'b'));
  assert.deepEqual(await keys(store), []);
  await store.write('c/d', bytes('x'));
  assert.deepEqual(await keys(store), ['c/d']);
});

test('a new folder and its parent are synced', async (t) => {
  const folder = realpathSync(scratch(t));
  const log = join(scratch(t), 'log');
  await outputOf(startWriterIn(preloaded(t, { SYNC_LOG: log }), [], 'pieces', join(folder, 'a/b')));
  const synced = readFileSync(log, 'utf8').split('\n');
  for (const path of [folder, join(folder, 'a'), join(folder, 'a/b')]) assert.ok(synced.includes(path), path);
});

test('on a read-only disk the error of a missing folder gives the reason', async (t) => {
  const folder = scratch(t);
  const script = 'mount -t tmpfs -o ro none "$1" && shift && exec "$@"';
  const command = [process.execPath, '--import', 'tsx', WRITER, 'fail', join(folder, 'a/b')];
  const output = execFileSync('unshare', ['-m', 'sh', '-c', script, 'sh', folder, ...command], {
    encoding: 'utf8',
  });
  assert.match(
    output,
    /^MachineError: cannot write .*a\/b\/large: the file system is read-only. Choose another/,
  );
});

test('too many open files are reported with advice, whichever call fails', () => {
  const error = Object.assign(new Error('EMFILE: too many open files, open x.js'), { code: 'EMFILE' });
  const explained = explainShortage(error);
  assert.ok(explained instanceof MachineError);
  assert.match(explained.message, /^too many open files. Raise the limit \(ulimit -n\)/);
  for (const other of [
    new Error('x'),
    new MachineError('x'),
    Object.assign(new Error(), { code: 'ENOENT' }),
    'x',
  ])
    assert.equal(explainShortage(other), other);
});

test('a file where a folder is needed, or a folder where a file is needed, is reported', async (t) => {
  const folder = scratch(t);
  const store = createFileStore(folder);
  await store.write('file', bytes('x'));
  await store.write('folder/x', bytes('x'));
  for (const options of [{}, { ifAbsent: true }]) {
    const underFile = store.write('file/x', bytes('x'), options);
    await assert.rejects(
      underFile,
      /^MachineError: cannot write .*\/file\/x: a file exists where a folder is needed/,
    );
    const overFolder = store.write('folder', bytes('x'), options);
    await assert.rejects(
      overFolder,
      /^MachineError: cannot write .*\/folder: a folder (with this name )?exists/,
    );
  }
  assert.deepEqual(readdirSync(folder), ['file', 'folder']);
});

test('missing permission is reported with the path and advice', async (t) => {
  const folder = scratch(t);
  const store = createFileStore(folder);
  await store.write('secret', bytes('x'));
  chmodSync(join(folder, 'secret'), 0);
  mkdirSync(join(folder, 'closed'), 0);
  chmodSync(folder, 0o555);
  const root = process.getuid?.() === 0;
  // Permissions don't bind root.
  if (root) process.seteuid?.(65534);
  try {
    if (root)
      await assert.rejects(keys(store), /^MachineError: cannot list .*permission denied.*\(EACCES\)$/);
    await assert.rejects(store.read('secret'), /^MachineError: cannot read .*\/secret: permission denied/);
    await assert.rejects(
      store.write('new', bytes('x')),
      /^MachineError: cannot write .*: permission denied. Grant this/,
    );
  } finally {
    if (root) process.seteuid?.(0);
    chmodSync(folder, 0o755);
  }
  assert.deepEqual(readdirSync(folder), ['closed', 'secret']);
});

test('a write that fails halfway is reported and leaves nothing', async (t) => {
  const folder = scratch(t);
  // A limit on file sizes (in 512-byte blocks) interrupts a write, like a full disk.
  const script = `trap '' XFSZ; ulimit -f 100; exec "$@"`;
  const args = ['-c', script, 'sh', process.execPath, '--import', 'tsx', WRITER, 'fail', folder];
  const output = execFileSync('sh', args, { encoding: 'utf8' });
  assert.match(output, /^MachineError: cannot write .*\/large: the file is larger .* \(EFBIG\)$/m);
  assert.deepEqual(readdirSync(folder), []);
});

test('a full disk is reported with the path and advice', () => {
  const full = openSync('/dev/full', 'w');
  try {
    writeSync(full, 'x');
    assert.fail('the disk was not full');
  } catch (error) {
    const explained = explainFileError(error, 'write', '/out/train-00000-of-00001.tfrecord');
    assert.ok(explained instanceof MachineError);
    assert.match(
      explained.message,
      /^cannot write \/out\/train-00000-of-00001.tfrecord: no space left .* \(ENOSPC\)$/,
    );
    assert.match(explained.message, /Free some space/);
  }
});
