import assert from 'node:assert/strict';
import test from 'node:test';
import { describeLocation, parseConfig, serializeConfig } from '../../src/artifacts/config.ts';
import { InputError } from '../../src/errors.ts';
import { madeUpConfig } from './made-up.ts';

test('config.json begins with the five keys that other programs read, and comes back as it was', () => {
  const text = serializeConfig(madeUpConfig());
  assert.deepEqual(Object.keys(JSON.parse(text)), [
    'n_samples',
    'learning_rate',
    'dropout_rate',
    'epochs',
    'batch_size',
    'seed',
    'validation_split',
    'preset',
    'recipe_hash',
    'psd_sha256',
    'records',
  ]);
  assert.deepEqual(parseConfig(text, 'config.json'), madeUpConfig());
});

test('a config.json of another program, with five keys and some unknown ones, is read', () => {
  const five = { n_samples: 4096, learning_rate: 1e-4, dropout_rate: 0.5, epochs: 50, batch_size: 32 };
  assert.deepEqual(parseConfig(JSON.stringify({ ...five, author: 'x', __proto__: null }), 'c'), five);
});

test('a broken config.json is answered with what was found and needed', () => {
  const good = madeUpConfig();
  const cases: [string, RegExp][] = [
    ['', /c\.json: found "", needed JSON/],
    ['{', /needed JSON/],
    ['[]', /found \[\], needed a JSON object/],
    ['null', /found null, needed a JSON object/],
    [JSON.stringify({ ...good, epochs: '50' }), /found epochs = "50", needed a number/],
    [JSON.stringify({ ...good, batch_size: undefined }), /found batch_size = nothing, needed a number/],
    [JSON.stringify({ ...good, seed: null }), /found seed = null, needed a number/],
    [
      JSON.stringify({ ...good, recipe_hash: ['x'.repeat(1000)] }),
      /found recipe_hash = \["x{58}\.\.\., needed/,
    ],
  ];
  for (const [text, message] of cases) {
    assert.throws(
      () => parseConfig(text, 'c.json'),
      (error) => error instanceof InputError && message.test(error.message),
      text,
    );
  }
});

test('a location is published without the path that tells whose machine it was', () => {
  assert.equal(describeLocation('s3://bucket/records/g2net'), 's3://bucket/records/g2net');
  assert.equal(describeLocation('/home/somebody/data/g2net/'), 'g2net');
  assert.equal(describeLocation('C:\\Users\\somebody\\g2net'), 'g2net');
  assert.equal(describeLocation('./g2net/.'), 'g2net');
  assert.equal(describeLocation('.'), '.');
});
