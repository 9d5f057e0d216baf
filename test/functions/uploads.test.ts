import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readUploads } from '../../functions/uploads.ts';
import { InputError } from '../../src/core/errors.ts';
import { s3Event, TEST_EVENT } from './events.ts';

test('an upload has its dataset and the key below it', () => {
  const body = s3Event({
    key: 'raw/g2net/train/0/2/0/0203d6b63a.npy',
    etag: 'abc',
    version: 'v1',
    sequencer: '7',
  });
  assert.deepEqual(readUploads(body), [
    { dataset: 'g2net', key: 'train/0/2/0/0203d6b63a.npy', event: 'abc v1 7' },
  ]);
});

test('keys are decoded: spaces, plus signs, percent signs, other alphabets', () => {
  for (const name of ['a b.npy', 'a+b.npy', '100%.npy', 'Gravitationswelle ü.npy', '波.npy']) {
    const [upload] = readUploads(s3Event({ key: `raw/set/${name}` }));
    assert.equal(upload?.key, name);
  }
});

test('test events, deletions, folders and other prefixes are skipped', () => {
  assert.deepEqual(readUploads(TEST_EVENT), []);
  for (const upload of [
    { key: 'raw/set/a.npy', event: 'ObjectRemoved:Delete' },
    { key: 'raw/set/a.npy', event: 'ObjectRemoved:DeleteMarkerCreated' },
    { key: 'raw/set/' },
    { key: 'records/set/train-00000-of-00001.tfrecord' },
    { key: 'models/set/saved/report.html' },
    { key: 'rawer/set/a.npy' },
  ]) {
    assert.deepEqual(readUploads(s3Event(upload)), [], upload.key);
  }
});

test('every way of creating an object counts', () => {
  for (const event of ['ObjectCreated:Put', 'ObjectCreated:Copy', 'ObjectCreated:CompleteMultipartUpload']) {
    assert.equal(readUploads(s3Event({ key: 'raw/set/a.npy', event })).length, 1, event);
  }
});

test('one message may contain several objects', () => {
  assert.equal(readUploads(s3Event({ key: 'raw/a/1.npy' }, { key: 'raw/b/2.npy' })).length, 2);
});

test('a message that is not an S3 event, and a key without a valid dataset, are input errors', () => {
  for (const body of [
    '',
    'hello',
    'null',
    '[]',
    '{}',
    '{"Records":[null]}',
    '{"Records":{}}',
    '{"Records":[{}]}',
    '{"Records":[{"s3":{}}]}',
  ]) {
    assert.throws(() => readUploads(body), InputError, body);
  }
  for (const key of [
    'raw/a.npy',
    'raw/.hidden/a.npy',
    'raw/a b/a.npy',
    'raw/$(rm)/a.npy',
    `raw/${'a'.repeat(65)}/a.npy`,
  ]) {
    assert.throws(() => readUploads(s3Event({ key })), InputError, key);
  }
  const broken = s3Event({ key: 'raw/set/a.npy' }).replace('a.npy', '%zz.npy');
  assert.throws(() => readUploads(broken), InputError);
});
