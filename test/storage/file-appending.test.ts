/** Bypassing the page cache, with system calls that imitate those of some file systems. */
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

/** Fills a file. Returns its final bytes, and the error if appending failed. */
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

/** System calls that write only as many bytes of each piece as `judge` returns; and the pieces that were written. */
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

test('all whole blocks bypass the cache, at their offsets', async (t) => {
  const { calls, pieces } = createCalls((_, length) => length);
  const { bytes } = await fill(scratch(t), calls);
  assert.ok(bytes.equals(wanted));
  assert.ok(pieces.every(({ position, length }) => position % 4096 === 0 && length % 4096 === 0));
  assert.equal(
    pieces.reduce((sum, { length }) => sum + length, 0),
    SIZE - (SIZE % 4096),
  );
});

test('the rest of a partially written piece goes through the cache', async (t) => {
  const { calls, pieces } = createCalls((piece, length) => (piece === 2 ? 12_345 : length));
  assert.ok((await fill(scratch(t), calls)).bytes.equals(wanted));
  assert.equal(pieces.length, 4);
});

for (const code of ['EINVAL', 'ENOTSUP']) {
  test(`after ${code} all bytes go through the cache, and O_DIRECT is not tried again`, async (t) => {
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

test('any other error is thrown', async (t) => {
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
