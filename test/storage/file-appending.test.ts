/** Filling a file past the page cache, with system calls that do what those of some file systems do. */
import assert from 'node:assert/strict';
import { closeSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createDirectAppender, type DirectCalls } from '../../src/storage/file/file-appending.ts';
import { scratch } from '../support/fixtures.ts';

const SIZE = 7_000_321;
const wanted = Uint8Array.from({ length: SIZE }, (_, i) => (i * 31 + (i >> 8) * 17 + (i >> 16)) & 255);

function systemError(code: string): Error {
  return Object.assign(new Error(code), { code, syscall: 'write' });
}

/** What went past the cache, and what is in the file in the end. */
async function fill(folder: string, calls: DirectCalls): Promise<{ bytes: Buffer; failure?: unknown }> {
  const path = join(folder, 'file');
  const file = openSync(path, 'w');
  const appender = createDirectAppender(file, path, calls);
  let failure: unknown;
  try {
    for (let start = 0; start < SIZE; start += 100_003)
      await appender.append(wanted.subarray(start, start + 100_003));
    await appender.finish();
  } catch (error) {
    failure = error;
  } finally {
    appender.close();
    closeSync(file);
  }
  return { bytes: readFileSync(path), failure };
}

/** As the system does it, but for pieces of which `judge` says how many bytes are taken. */
function createCalls(judge: (piece: number, length: number) => number) {
  const pieces: { position: number; length: number }[] = [];
  const calls: DirectCalls = {
    open: (path) => openSync(path, 'r+'),
    async write(file, bytes, position) {
      pieces.push({ position, length: bytes.length });
      return writeSync(file, bytes, 0, judge(pieces.length, bytes.length), position);
    },
  };
  return { calls, pieces };
}

test('all whole blocks go past the cache, at their places', async (t) => {
  const { calls, pieces } = createCalls((_, length) => length);
  const { bytes } = await fill(scratch(t), calls);
  assert.ok(bytes.equals(wanted));
  assert.ok(pieces.every(({ position, length }) => position % 4096 === 0 && length % 4096 === 0));
  assert.equal(
    pieces.reduce((sum, { length }) => sum + length, 0),
    SIZE - (SIZE % 4096),
  );
});

test('what is not taken of a piece is written the usual way', async (t) => {
  const { calls, pieces } = createCalls((piece, length) => (piece === 2 ? 12_345 : length));
  assert.ok((await fill(scratch(t), calls)).bytes.equals(wanted));
  assert.equal(pieces.length, 4);
});

for (const code of ['EINVAL', 'ENOTSUP']) {
  test(`a file system that refuses by ${code} gets its bytes the usual way, and is not asked again`, async (t) => {
    let asked = 0;
    const refuse = () => {
      asked += 1;
      throw systemError(code);
    };
    const opening = await fill(scratch(t), { open: refuse, write: refuse });
    assert.ok(opening.bytes.equals(wanted));
    assert.equal(asked, 1);

    const { calls } = createCalls((piece, length) => (piece === 2 ? refuse() : length));
    assert.ok((await fill(scratch(t), calls)).bytes.equals(wanted));
    assert.equal(asked, 2);
  });
}

test('any other error is an error', async (t) => {
  const { calls } = createCalls((piece, length) => {
    if (piece === 2) throw systemError('ENOSPC');
    return length;
  });
  const folder = scratch(t);
  assert.match(String((await fill(folder, calls)).failure), /ENOSPC/);
  mkdirSync(join(folder, 'other'));
  const denied = await fill(join(folder, 'other'), {
    ...calls,
    open: () => {
      throw systemError('EACCES');
    },
  });
  assert.match(String(denied.failure), /EACCES/);
});
