import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateSync, gzipSync } from 'node:zlib';
import { refuseDisguise } from '../../src/core/disguise.ts';
import { InputError } from '../../src/core/errors.ts';
import { parseNpy } from '../../src/numpy/npy.ts';
import { readNpz } from '../../src/numpy/npz.ts';
import { catalogObject } from '../../src/raw/catalog.ts';
import { parseLabels } from '../../src/raw/labels.ts';
import { parseMetadata } from '../../src/records/metadata.ts';
import { readRecords } from '../../src/records/tfrecord.ts';
import { createMemoryStore } from '../support/memory-store.ts';
import { packZip } from '../support/zip.ts';

const POINTER = Buffer.from(
  `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 98432\n`,
);

const refusal = (found: RegExp) => (error: unknown) =>
  error instanceof InputError && error.fields.advice !== undefined && found.test(error.fields.found);

test('pointers, compressed files, web pages and UTF-16 are told by their first bytes', () => {
  for (const [bytes, found] of [
    [POINTER, /Git LFS pointer/],
    [Buffer.from('/annex/objects/SHA256E-s98432--00.npy\n'), /git-annex pointer/],
    [gzipSync('x'), /gzip/],
    [deflateSync('x'), /zlib/],
    [Buffer.from('BZh91AY&SY'), /bzip2/],
    [Buffer.from('fd377a585a000004', 'hex'), /xz/],
    [Buffer.from('28b52ffd24', 'hex'), /zstd/],
    [packZip([]), /zip/],
    [Buffer.from('\n<!DOCTYPE html><html>'), /web page/],
    [Buffer.from('\ufeffid,target\n', 'utf16le'), /UTF-16/],
  ] as const) {
    assert.throws(() => refuseDisguise(bytes, 'x', 'y'), refusal(found), String(found));
  }
  for (const text of ['', 'id,target\n', '\x93NUMPY', '{}', 'x,y'])
    refuseDisguise(Buffer.from(text, 'latin1'), 'x', 'y');
});

test('every reader names a pointer that it finds instead of its file', async () => {
  const found = refusal(/Git LFS pointer/);
  assert.throws(() => parseNpy(POINTER, 'x'), found);
  assert.throws(() => parseLabels(POINTER, 'x'), found);
  assert.throws(() => parseMetadata(POINTER, 'x'), found);
  assert.throws(() => [...readRecords(POINTER, 'x')], found);
  await assert.rejects(readNpz(POINTER, 'x'), found);
  const store = createMemoryStore();
  for (const bytes of [POINTER, Buffer.concat([POINTER, Buffer.alloc(1024, ' ')])])
    await assert.rejects(catalogObject(store, await store.write('x.tar', bytes)), found);
});

test('a compressed file of records is not called damaged, and a zip of labels is not called Latin-1', () => {
  assert.throws(() => [...readRecords(gzipSync(Buffer.alloc(100)), 'x')], refusal(/gzip/));
  assert.throws(() => parseLabels(packZip([]), 'x'), refusal(/zip archive/));
});
