import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SettingError } from '../../src/core/errors.ts';
import {
  choice,
  flagOf,
  onOff,
  readVariables,
  real,
  share,
  variableOf,
  whole,
} from '../../src/core/setting.ts';

const TABLE = {
  dtype: choice('type', ['float16', 'float32']),
  shardSize: whole('samples', 1, 1024),
  learning_rate: real('rate', 0, 1),
  maxRejected: share('share'),
  fresh: onOff('start over'),
};
const GOOD = {
  DTYPE: 'float16',
  SHARD_SIZE: '256',
  LEARNING_RATE: '1e-3',
  MAX_REJECTED: '1%',
  FRESH: 'true',
};

test('flags and variables are named after the settings', () => {
  assert.deepEqual(Object.keys(TABLE).map(flagOf), [
    '--dtype',
    '--shard-size',
    '--learning-rate',
    '--max-rejected',
    '--fresh',
  ]);
  assert.deepEqual(Object.keys(TABLE).map(variableOf), Object.keys(GOOD));
});

test('variables are read as the values that they stand for', () => {
  assert.deepEqual(readVariables(TABLE, { ...GOOD, OTHER: 'x' }), {
    dtype: 'float16',
    shardSize: 256,
    learning_rate: 0.001,
    maxRejected: 0.01,
    fresh: true,
  });
});

for (const [variable, text, needed] of [
  ['SHARD_SIZE', 'abc', 'a whole number from 1 to 1024'],
  ['SHARD_SIZE', '', 'a whole number from 1 to 1024'],
  ['SHARD_SIZE', '1.5', 'a whole number from 1 to 1024'],
  ['SHARD_SIZE', '0', 'a whole number from 1 to 1024'],
  ['SHARD_SIZE', '-1', 'a whole number from 1 to 1024'],
  ['DTYPE', 'float64', 'float16 or float32'],
  ['LEARNING_RATE', 'NaN', 'a number from 0 to 1'],
  ['LEARNING_RATE', ' ', 'a number from 0 to 1'],
  ['MAX_REJECTED', '%', 'a share such as 1% or 0.01, from 0 to 1'],
  ['MAX_REJECTED', '101%', 'a share such as 1% or 0.01, from 0 to 1'],
  ['FRESH', 'yes', 'on or off (true or false in a file)'],
] as const) {
  test(`${variable}=${JSON.stringify(text)} is refused by name`, () => {
    assert.throws(
      () => readVariables(TABLE, { ...GOOD, [variable]: text }),
      new SettingError(`the environment variable ${variable} is ${JSON.stringify(text)}, needed ${needed}`),
    );
  });
}

test('a variable that is missing is named too', () => {
  const { SHARD_SIZE: _, ...rest } = GOOD;
  assert.throws(
    () => readVariables(TABLE, rest),
    /SHARD_SIZE is not set, needed a whole number from 1 to 1024/,
  );
});
