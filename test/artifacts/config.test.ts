import assert from 'node:assert/strict';
import test from 'node:test';
import { describeLocation, parseConfig, serializeConfig } from '../../src/artifacts/config.ts';
import { InputError } from '../../src/core/errors.ts';
import { madeUpConfig } from './made-up.ts';

test('config.json begins with the five keys that other programs read, and can be parsed as settings', () => {
  const config = madeUpConfig();
  const text = serializeConfig(config);
  const five = ['n_samples', 'learning_rate', 'dropout_rate', 'epochs', 'batch_size'];
  assert.deepEqual(Object.keys(JSON.parse(text)).slice(0, 5), five);
  assert.deepEqual(JSON.parse(text), config);
  const { n_samples, compute_dtype, n_gpus, recipe_hash, psd_sha256, records, ...settings } = config;
  assert.deepEqual(parseConfig(text, 'config.json'), settings);
});

test('settings may be YAML, or the five keys of another program', () => {
  const text = 'preset: coherent # merged\nlearning_rate: 1e-3\nsign_flip: false\n';
  assert.deepEqual(parseConfig(text, 'c.yaml'), {
    preset: 'coherent',
    learning_rate: 1e-3,
    sign_flip: false,
  });
  const five = { n_samples: 4096, learning_rate: 1e-4, dropout_rate: 0.5, epochs: 50, batch_size: 32 };
  const { n_samples: _, ...settings } = five;
  assert.deepEqual(parseConfig(JSON.stringify(five), 'c'), settings);
});

test('the error for a broken settings file says what was found and needed', () => {
  const good = madeUpConfig();
  const cases: [string, RegExp][] = [
    ['', /c\.json: found null, needed an object of settings/],
    ['{', /found text that can't be parsed \(.*\), needed JSON or YAML/],
    ['[]', /found \[\], needed an object of settings and their values/],
    ['a: &a [*a, *a]', /needed/],
    [
      JSON.stringify({ ...good, epochs: '50' }),
      /found epochs = "50", needed a whole number from 1 to 100000/,
    ],
    [JSON.stringify({ ...good, learning_rate: null }), /found learning_rate = null, needed a number/],
    [JSON.stringify({ ...good, n_samples: 2048 }), /found n_samples = 2048, needed 4096/],
    [
      JSON.stringify({ ...good, sign_flip: 'on' }),
      /found sign_flip = "on", needed on or off \(true or false/,
    ],
    [JSON.stringify({ learning_rat: 1 }), /found learning_rat = 1, needed only the keys preset, epochs/],
    ['__proto__: 1', /found __proto__ = 1, needed only the keys/],
    [
      JSON.stringify({ preset: ['x'.repeat(1000)] }),
      /found preset = \["x{58}\.\.\., needed diy, coherent, coherent-large, coherent-v1 or matched/,
    ],
  ];
  for (const [text, message] of cases) {
    assert.throws(
      () => parseConfig(text, 'c.json'),
      (error) => error instanceof InputError && message.test(error.message),
      text.slice(0, 100),
    );
  }
});

test('odd YAML in a settings file is refused without a warning from Node', (t) => {
  const warn = t.mock.method(process, 'emitWarning', () => {});
  for (const text of ['? {a: 1}\n: 2\n', 'epochs: !!js/function "x"'])
    assert.throws(() => parseConfig(text, 'c.yaml'), InputError);
  assert.equal(warn.mock.callCount(), 0);
});

test('a published location does not contain the path on the machine', () => {
  assert.equal(describeLocation('s3://bucket/records/g2net'), 's3://bucket/records/g2net');
  assert.equal(describeLocation('/home/somebody/data/g2net/'), 'g2net');
  assert.equal(describeLocation('C:\\Users\\somebody\\g2net'), 'g2net');
  assert.equal(describeLocation('./g2net/.'), 'g2net');
  assert.equal(describeLocation('.'), '.');
});
