import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import {
  checkBucketKept,
  checkBuilder,
  checkFree,
  checkHostTypes,
  checkIdle,
  checkImageTag,
  checkSettings,
  hostTypes,
  type Settings,
} from '../../infra/deploy/checks.ts';
import { ConflictError, MachineError, SettingError } from '../../src/core/errors.ts';

const read = (stage: string): Settings =>
  parse(readFileSync(`infra/stages/${stage}.yml`, 'utf8'), { logLevel: 'error' });
const check = (changes: Settings) => checkSettings({ ...read('dev'), ...changes }, 'dev.yml');
const refuse = (changes: Settings, message: string) =>
  assert.throws(() => check(changes), new SettingError(`dev.yml: ${message}`));

test('the settings of dev and prod are accepted, and every choice of an option', () => {
  for (const stage of ['dev', 'prod']) checkSettings(read(stage), stage);
  check({ training: 'off' });
  check({ trainAfterRun: 'true' });
  check({ dashboard: 'on', budget: 'on', monthlyBudget: 0.5, alarmEmail: 'team@example.org' });
  check({ network: 'own', vpc: 'vpc-0a1b2c3d', subnets: ['subnet-0123456789abcdef0'] });
  check({ bucket: 'my-data' });
  check({ rawArchiveDays: 30 });
});

test('a setting that chooses resources is refused by its name when it is wrong or missing', () => {
  const wrong: Settings = {
    training: ['agent', 'ON', true],
    dashboard: ['yes', true],
    budget: [100, null],
    monthlyBudget: ['100', 0, Number.NaN],
    rawArchiveDays: ['30', 0, 1.5],
    bucket: ['My-Data', 's3://my-data', ''],
    network: ['mine', null],
    vpc: ['10.0.0.0/16', ''],
    subnets: ['subnet-0a1b2c3d', [], ['vpc-0a1b2c3d'], [null]],
  };
  for (const [name, values] of Object.entries(wrong)) {
    for (const value of [undefined, ...(values as unknown[])])
      assert.throws(
        () => check({ [name]: value }),
        (error: Error) =>
          error instanceof SettingError &&
          error.message.startsWith(`dev.yml: ${name} is ${JSON.stringify(value)}: needed `),
      );
  }
});

test('settings that contradict each other are refused', () => {
  for (const trainAfterRun of ['true', true])
    refuse({ training: 'off', trainAfterRun }, 'trainAfterRun is true, but training is off. Set one of them');
  refuse({ budget: 'on' }, 'budget is on, but alarmEmail has no address that is told');
  refuse({ network: 'own', vpc: 'vpc-0a1b2c3d' }, "network is 'own': set vpc and subnets");
  refuse({ vpc: 'vpc-0a1b2c3d' }, "vpc and subnets are set: network must be 'own'");
  refuse(
    { bucket: 'my-data', rawArchiveDays: 30 },
    'bucket is your own: give it a lifecycle rule instead of rawArchiveDays',
  );
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

test('a stage keeps its bucket, since the old one would go on sending its events to it', () => {
  const own = 'chirpline-dev-123456789012-eu-south-1';
  const stateMachine = 'arn:aws:states:eu-south-1:123456789012:stateMachine:chirpline-dev';
  const check = (bucket: string | null, deployed: string) => {
    const outputs = new Map(Object.entries({ Bucket: deployed, StateMachine: stateMachine }));
    checkBucketKept('dev', { bucket }, outputs, 'dev.yml');
  };
  check(null, own);
  check('my-data', 'my-data');
  checkBucketKept('dev', { bucket: 'my-data' }, new Map(), 'dev.yml');
  for (const [wanted, deployed] of [
    ['my-data', own],
    [null, 'my-data'],
    ['other', 'my-data'],
  ] as const)
    assert.throws(
      () => check(wanted, deployed),
      new SettingError(
        `dev.yml: bucket is ${wanted}, but stage dev works in s3://${deployed}. Set it back, or move the stage: npm run remove -- --stage dev, which keeps the data, then deploy, and copy the data`,
      ),
    );
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
