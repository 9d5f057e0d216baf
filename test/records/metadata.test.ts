import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InputError } from '../../src/core/errors.ts';
import { type Metadata, parseMetadata, serializeMetadata } from '../../src/records/metadata.ts';
import { encodeJson } from '../../src/storage/json.ts';

const encode = (text: string) => new TextEncoder().encode(text);
const hash = (letter: string) => letter.repeat(64);

const METADATA: Metadata = {
  n_samples: 3,
  n_failed: 1,
  signal_shape: [3, 4096],
  dtype: 'float16',
  dataset: 'g2net',
  recipe: { version: 1, bandpass: { low: 20, high: 500 } },
  recipe_hash: hash('1'),
  psd_sha256: hash('2'),
  labels_sha256: hash('3'),
  plan_hash: hash('4'),
  shards: [
    { name: 'train-00000-of-00002.tfrecord', n_records: 2, bytes: 49_316, sha256: hash('a') },
    { name: 'train-00001-of-00002.tfrecord', n_records: 1, bytes: 24_658, sha256: hash('b') },
  ],
  software: { name: 'chirpline', version: '0.1.0' },
};

test('metadata that was written is read back unchanged', () => {
  assert.deepEqual(parseMetadata(encode(serializeMetadata(METADATA)), 'metadata.json'), METADATA);
});

test("the reference's four keys come first, and the text does not depend on the order of keys", () => {
  const text = serializeMetadata(METADATA);
  assert.deepEqual(Object.keys(JSON.parse(text)).slice(0, 4), [
    'n_samples',
    'n_failed',
    'signal_shape',
    'dtype',
  ]);
  const { shards, ...rest } = METADATA;
  assert.equal(serializeMetadata({ shards, ...rest }), text);
  assert.ok(text.endsWith('}\n'));
});

test('keys that a later version adds are ignored', () => {
  const bytes = encodeJson({ ...METADATA, later: true });
  assert.deepEqual(parseMetadata(bytes, 'metadata.json'), METADATA);
});

test('metadata with a missing or wrong value is refused with an error that names the file and the key', () => {
  const [first, second] = METADATA.shards;
  const wrong: [unknown, RegExp][] = [
    ...Object.keys(METADATA).map((key): [unknown, RegExp] => [
      { ...METADATA, [key]: undefined },
      new RegExp(`found nothing as ${key}`),
    ]),
    [{ ...METADATA, n_samples: '3' }, /found "3" as n_samples/],
    [{ ...METADATA, n_samples: 3.5 }, /n_samples/],
    [{ ...METADATA, n_failed: -1 }, /n_failed/],
    [{ ...METADATA, n_samples: 4 }, /found shards with 3 records in total, needed 4, as n_samples says/],
    [{ ...METADATA, signal_shape: [4096, 3] }, /found 4096 as signal_shape\.0, needed 3/],
    [{ ...METADATA, dtype: 'float64' }, /"float64" as dtype, needed \("float16" \| "float32"\)/],
    [{ ...METADATA, recipe_hash: 'abc' }, /recipe_hash/],
    [{ ...METADATA, recipe: 3 }, /3 as recipe/],
    [{ ...METADATA, shards: {} }, /shards/],
    [{ ...METADATA, shards: [second, first] }, /shards\.0\.name/],
    [{ ...METADATA, shards: [first, { ...second, name: '../../etc/passwd' }] }, /shards\.1\.name/],
    [{ ...METADATA, shards: [first, { ...second, sha256: hash('B') }] }, /shards\.1\.sha256/],
    [{ ...METADATA, shards: [first, null] }, /null as shards\.1/],
    [{ ...METADATA, software: { name: 'chirpline' } }, /software\.version/],
    [[METADATA], /nothing as n_samples/],
    [null, /null as the document/],
  ];
  for (const [value, message] of wrong) {
    assert.throws(
      () => parseMetadata(encodeJson(value), 'out/metadata.json'),
      (error) =>
        error instanceof InputError &&
        error.fields.object === 'out/metadata.json' &&
        message.test(error.message),
      String(message),
    );
  }
  assert.throws(
    () => parseMetadata(encode('[1e999]'), 'm.json'),
    /found a number outside the range of float64/,
  );
  for (const text of ['', '{', serializeMetadata(METADATA).slice(0, -3)]) {
    assert.throws(
      () => parseMetadata(encode(text), 'metadata.json'),
      /^InputError: metadata\.json: found invalid JSON/,
    );
  }
});
