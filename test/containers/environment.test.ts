/** The settings of the training container in its environment. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readLocations, readSettings } from '../../containers/training/environment.ts';
import { trainCommand } from '../../src/cli/commands/train.ts';
import { SettingError } from '../../src/core/errors.ts';
import { flagOf, variableOf } from '../../src/core/setting.ts';
import { DEFAULTS, SETTING_NAMES } from '../../src/training/settings.ts';

const { options } = trainCommand();
const refused = (env: NodeJS.ProcessEnv, message: RegExp) =>
  assert.throws(
    () => readSettings(options, env),
    (error) => error instanceof SettingError && message.test(error.message),
  );

test('each setting of a training is a variable of its name', () => {
  const values = { ...DEFAULTS.coherent, preset: 'coherent', batch_size: 64, folds: 3, fold: 2 };
  const env = Object.fromEntries(SETTING_NAMES.map((name) => [variableOf(name), String(values[name])]));
  const wanted = SETTING_NAMES.map((name) => `${flagOf(name)}=${values[name]}`);
  assert.deepEqual(readSettings(options, env).sort(), wanted.sort());
});

test('so is each option of how the training runs', () => {
  const env = {
    DEVICE: 'cpu',
    ENGINE: 'eager',
    CHECKPOINT_MINUTES: '5',
    ON_CORRUPT: 'skip',
    NOTE: 'a b = c',
  };
  assert.deepEqual(readSettings(options, env).sort(), [
    '--checkpoint-minutes=5',
    '--device=cpu',
    '--engine=eager',
    '--note=a b = c',
    '--on-corrupt=skip',
  ]);
  assert.deepEqual(readSettings(options, { FRESH: 'true' }), ['--fresh']);
  assert.deepEqual(readSettings(options, { FRESH: 'false' }), []);
});

test('empty variables and unknown variables are ignored', () => {
  assert.deepEqual(readSettings(options, { EPOCHS: '', PATH: '/bin', JSON: 'true', HELP: '1' }), []);
});

test('a value that the flag would reject is refused with the name of the variable', () => {
  refused({ EPOCHS: '0' }, /^EPOCHS is "0": needed: a whole number from 1/);
  refused({ EPOCHS: '3', LEARNING_RATE: '1e-3x' }, /^LEARNING_RATE is "1e-3x": needed: a number/);
  refused({ DEVICE: 'tpu' }, /^DEVICE is "tpu": needed: auto, cpu or gpu/);
  refused({ SIGN_FLIP: 'perhaps' }, /^SIGN_FLIP is "perhaps"/);
  refused({ FRESH: 'yes' }, /^FRESH is "yes": needed true or false/);
});

test('a child of an array job trains the fold of its index, if there are folds', () => {
  const job = { AWS_BATCH_JOB_ARRAY_INDEX: '3' };
  assert.deepEqual(readSettings(options, job), []);
  assert.deepEqual(readSettings(options, { ...job, FOLDS: '5' }).sort(), ['--fold=3', '--folds=5']);
  assert.deepEqual(readSettings(options, job, ['a', 'b', '--folds', '5']), ['--fold=3']);
  assert.deepEqual(readSettings(options, { ...job, FOLDS: '5', FOLD: '1' }).sort(), [
    '--fold=1',
    '--folds=5',
  ]);
});

test('BUCKET and DATASET together name the places of a dataset', () => {
  assert.equal(readLocations({}), undefined);
  const { records, models, checkpoints } = readLocations({ BUCKET: 'b', DATASET: 'g2net' })!;
  assert.deepEqual(
    [records, models, checkpoints],
    ['s3://b/records/g2net', 's3://b/models/g2net', 's3://b/checkpoints/g2net'],
  );
  assert.throws(() => readLocations({ BUCKET: 'b' }), /without DATASET/);
  assert.throws(() => readLocations({ DATASET: 'g2net' }), /without BUCKET/);
  assert.throws(() => readLocations({ BUCKET: 'b', DATASET: '../x' }), SettingError);
});
