import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { SettingError } from '../../src/core/errors.ts';
import { openStore } from '../../src/storage/open.ts';

test('a location is a bucket, a prefix of one, or a folder', () => {
  const locations: Record<string, string> = {
    's3://bucket': 's3://bucket/',
    's3://bucket/': 's3://bucket/',
    's3://my.bucket-1/raw/g2net': 's3://my.bucket-1/raw/g2net/',
    's3://bucket/raw/': 's3://bucket/raw/',
    '/data/raw': '/data/raw/',
    '/data/raw/': '/data/raw/',
    '/': '/',
    'raw data': `${resolve('raw data')}/`,
    's3:/not/a/bucket': `${resolve('s3:/not/a/bucket')}/`,
  };
  for (const [given, location] of Object.entries(locations)) {
    const store = openStore(given);
    assert.equal(store.location, location);
    assert.equal(openStore(store.location).location, location);
  }
});

test('an invalid location is refused', () => {
  for (const location of [
    '',
    'a\0b',
    's3://',
    's3:///prefix',
    's3://UPPER',
    's3://ab',
    's3://bucket//double',
    's3://bucket/../x',
    'gs://bucket/x',
    'https://example.org/x',
    'file:///data',
    'S3://bucket',
  ]) {
    assert.throws(() => openStore(location), SettingError, location);
  }
});
