import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  checkBuilder,
  checkFree,
  checkHostTypes,
  checkIdle,
  checkImageTag,
  checkSettings,
  hostTypes,
} from '../../infra/deploy/checks.ts';
import { ConflictError, MachineError, SettingError } from '../../src/core/errors.ts';

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

test('a region without a type of host is refused before AWS undoes the deployment', () => {
  const types = ['g4dn.xlarge', 'g5.xlarge'];
  const check = (offered: string[]) => checkHostTypes(types, offered, 'eu-south-1', 'dev.yml');
  check(types);
  assert.throws(
    () => check(['g4dn.xlarge']),
    new SettingError(
      'dev.yml: eu-south-1 has no g5.xlarge: remove from instanceTypes: it has g4dn.xlarge, or choose another region',
    ),
  );
  assert.throws(
    () => check([]),
    new SettingError(
      "dev.yml: eu-south-1 has no g4dn.xlarge, g5.xlarge: set training: 'off', or choose another region",
    ),
  );
  // Families, and what the Serverless Framework resolves, can't be asked for.
  assert.deepEqual(hostTypes({ training: 'on', instanceTypes: ['g5', 'g6.xlarge', 7] }), ['g6.xlarge']);
  assert.deepEqual(hostTypes({ training: 'on', instanceTypes: '$' + '{env:TYPES}' }), []);
  assert.deepEqual(hostTypes({ training: 'off', instanceTypes: types }), []);
});

test('a stage that somebody else deploys or removes is left alone until that ends', () => {
  for (const status of [
    '',
    'CREATE_COMPLETE',
    'UPDATE_ROLLBACK_COMPLETE',
    'ROLLBACK_COMPLETE',
    'DELETE_FAILED',
  ])
    checkFree('dev', status);
  for (const status of ['CREATE_IN_PROGRESS', 'UPDATE_IN_PROGRESS', 'DELETE_IN_PROGRESS']) {
    assert.throws(
      () => checkFree('dev', status),
      new ConflictError(
        `stage dev is being changed (${status}), perhaps by somebody else. Wait for the end: chirpline doctor --stage dev shows it`,
      ),
    );
  }
});

test('an image is pushed only from the commit that was deployed, unchanged, and from a machine like the hosts', () => {
  checkImageTag('dev', '0.1.0-5c0d', '0.1.0-5c0d', []);
  assert.throws(
    () => checkImageTag('dev', '0.1.0-5c0d', '0.1.0-ffee', []),
    /^ConflictError: stage dev was deployed from 0\.1\.0-5c0d, this is 0\.1\.0-ffee\. Deploy this first/,
  );
  assert.throws(
    () => checkImageTag('dev', '0.1.0-5c0d', '0.1.0-5c0d', ['src/x.ts']),
    /these files differ from it: src\/x\.ts\. Commit them/,
  );
  checkBuilder('linux', 'x64');
  for (const [platform, architecture] of [
    ['darwin', 'arm64'],
    ['linux', 'arm64'],
  ] as const)
    assert.throws(() => checkBuilder(platform, architecture), MachineError);
});
