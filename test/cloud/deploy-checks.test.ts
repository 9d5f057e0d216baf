import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkIdle, checkSettings } from '../../infra/deploy/checks.ts';
import { ConflictError, SettingError } from '../../src/core/errors.ts';

test('a stage must say whether it trains, and one without training cannot train after its runs', () => {
  for (const training of ['on', 'off']) checkSettings({ training, trainAfterRun: 'false' }, 'dev.yml');
  checkSettings({ training: 'on', trainAfterRun: 'true' }, 'dev.yml');
  for (const training of [undefined, true, 'agent', 'ON']) {
    assert.throws(() => checkSettings({ training }, 'dev.yml'), SettingError);
  }
  for (const trainAfterRun of ['true', true]) {
    assert.throws(
      () => checkSettings({ training: 'off', trainAfterRun }, 'dev.yml'),
      new SettingError('dev.yml: trainAfterRun is true, but training is off. Set one of them'),
    );
  }
});

test('a stage with active runs or jobs is not removed, and the error names them', () => {
  checkIdle('dev', [], []);
  assert.throws(
    () => checkIdle('dev', ['g2net-1'], ['5c0d']),
    new ConflictError(
      'stage dev is at work: run g2net-1, job 5c0d. Wait for the end (chirpline status --stage dev --watch), or chirpline cancel each',
    ),
  );
});
