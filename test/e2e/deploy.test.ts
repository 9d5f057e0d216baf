/** Tests `npm run deploy` and `npm run remove` with a stage that has no training, which emulators can hold completely. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { SFNClient } from '@aws-sdk/client-sfn';
import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { openStage } from '../../src/cloud/deployed-stage.ts';
import { listRuns } from '../../src/cloud/runs.ts';
import { openStore } from '../../src/storage/open.ts';
import { openConnection } from '../../src/storage/s3/s3-connection.ts';
import { ROOT } from '../cloud/package.ts';
import { chirplineIn } from '../support/command.ts';
import { type Emulator, setEnvironment, startEmulator } from '../support/emulator.ts';
import { scratch } from '../support/fixtures.ts';

/** The longest name, in a region with a long name: roles and buckets have both in theirs. */
const REGION = 'ap-southeast-1';
const STAGE = `t${process.pid}`.padEnd(20, '0');
const SETTINGS = join(ROOT, 'infra/stages', `${STAGE}.yml`);
let emulator: Emulator;
let env: NodeJS.ProcessEnv;
let settings: string;

before(async () => {
  const dev = readFileSync(join(ROOT, 'infra/stages/dev.yml'), 'utf8');
  settings = dev.replace("training: 'on'", "training: 'off'");
  assert.notEqual(settings, dev);
  writeFileSync(SETTINGS, settings);
  emulator = await startEmulator('ministack');
  env = { ...process.env, ...emulator.env, AWS_REGION: REGION, SLS_TELEMETRY_DISABLED: '1' };
});
after(async () => {
  await emulator?.stop();
  rmSync(SETTINGS, { force: true });
});

function main(words: string[], variables: NodeJS.ProcessEnv = {}) {
  return spawnSync(process.execPath, ['--import', 'tsx', 'infra/deploy/main.ts', ...words], {
    cwd: ROOT,
    encoding: 'utf8',
    env: { ...env, ...variables },
  });
}

test('a stage without training is deployed, works, and is removed without its data', () => {
  const deployed = main(['deploy', '--stage', STAGE]);
  assert.equal(deployed.status, 0, deployed.stdout + deployed.stderr);
  const chirpline = (...words: string[]) => chirplineIn({ env }, ...words, '--stage', STAGE);
  assert.equal(chirpline('status').stdout, `stage ${STAGE} has no runs or jobs yet\n`);
  const { status, stderr } = chirpline('submit', '--dataset', 'g2net');
  assert.deepEqual(
    [status, stderr],
    [
      4,
      `chirpline: stage ${STAGE} has no training: set training: 'on' in infra/stages/${STAGE}.yml and deploy it again\n`,
    ],
  );
  const elsewhere = chirplineIn({ env: { ...env, AWS_REGION: 'eu-west-1' } }, 'status', '--stage', STAGE);
  assert.equal(
    elsewhere.stderr,
    `chirpline: stage ${STAGE} is not deployed in eu-west-1. Deploy it: npm run deploy -- --stage ${STAGE}\n`,
  );

  const removed = main(['remove', '--stage', STAGE]);
  assert.equal(removed.status, 0, removed.stdout + removed.stderr);
  const bucket = `chirpline-${STAGE}-000000000000-${REGION}`;
  assert.ok(removed.stdout.includes(`The data is kept in s3://${bucket}.`), removed.stdout);
  const again = main(['remove', '--stage', STAGE]);
  assert.equal(again.status, 3);
  assert.match(again.stderr, /is not deployed in ap-southeast-1/);
});

test('a stage in a bucket of the user works there, and leaves its other notifications as they were', async () => {
  const restore = setEnvironment({ ...emulator.env, AWS_REGION: REGION });
  const { sdk, client } = await openConnection(undefined, undefined);
  const sqs = new SQSClient({});
  const Bucket = `own-${STAGE}`;
  const notifications = async () =>
    (await client.send(new sdk.GetBucketNotificationConfigurationCommand({ Bucket }))).QueueConfigurations;
  const deploy = () => main(['deploy', '--stage', STAGE]);
  try {
    writeFileSync(SETTINGS, settings.replace('bucket: null', `bucket: ${Bucket}`));
    const missing = deploy();
    assert.deepEqual(
      [missing.status, missing.stderr],
      [
        3,
        `chirpline: cannot list s3://${Bucket}/raw/: the bucket does not exist. Create it or correct the location\n`,
      ],
    );

    await client.send(new sdk.CreateBucketCommand({ Bucket }));
    await sqs.send(new CreateQueueCommand({ QueueName: 'other' }));
    const other = {
      Id: 'other',
      Events: ['s3:ObjectRemoved:*' as const],
      QueueArn: `arn:aws:sqs:${REGION}:000000000000:other`,
    };
    await client.send(
      new sdk.PutBucketNotificationConfigurationCommand({
        Bucket,
        NotificationConfiguration: { QueueConfigurations: [other] },
      }),
    );
    const deployed = deploy();
    assert.equal(deployed.status, 0, deployed.stdout + deployed.stderr);
    assert.equal((await notifications())?.length, 5);
    assert.deepEqual((await notifications())?.[0], other);

    writeFileSync(SETTINGS, settings);
    const moved = deploy();
    assert.deepEqual([moved.status, moved.stdout], [2, '']);
    assert.match(moved.stderr, /: bucket is null, but stage t\w+ works in s3:\/\/own-/);

    await openStore(`s3://${Bucket}/raw/tiny/`).write('training_labels.csv', Buffer.from('id,target\n'));
    const { stateMachine } = await openStage(STAGE);
    const sfn = new SFNClient({});
    const deadline = Date.now() + 240_000;
    while ((await listRuns(sfn, stateMachine, 1, 'tiny')).every(({ state }) => state === 'RUNNING')) {
      assert.ok(Date.now() < deadline, 'no run was started and ended');
      await sleep(200);
    }

    const removed = main(['remove', '--stage', STAGE]);
    assert.equal(removed.status, 0, removed.stdout + removed.stderr);
    assert.ok(removed.stdout.includes(`The data is kept in s3://${Bucket}.`), removed.stdout);
    assert.deepEqual(await notifications(), [other]);
  } finally {
    client.destroy();
    sqs.destroy();
    restore();
  }
});

test('a deployment is refused in one line before anything is packaged', (t) => {
  const refuse = (words: string[], message: RegExp, variables: NodeJS.ProcessEnv = {}) => {
    const { status, stdout, stderr } = main(words, variables);
    assert.equal(status, 2, stderr);
    assert.match(stderr, message);
    assert.equal(stderr.trim().split('\n').length, 1);
    assert.equal(stdout, '');
  };
  // AWS_DEFAULT_REGION is a variable of the AWS command line only.
  const none = { AWS_REGION: undefined, AWS_DEFAULT_REGION: REGION, HOME: scratch(t) };
  refuse(['deploy', '--stage', 'dev'], /^chirpline: no AWS region is set\. .*export AWS_REGION=/, none);
  refuse(['remove', '--stage', 'dev'], /^chirpline: no AWS region is set/, none);
  refuse(['deploy'], /which stage\? For example npm run deploy -- --stage dev/);
  refuse(['deploy', '--stage', 'local'], /npm run local:deploy/);
  refuse(['deploy', '--stage', 'none'], /there is no infra\/stages\/none\.yml/);
  refuse(['deploy', '--stage', 'a'.repeat(21)], /--stage is "a{21}", needed 1-20/);
  refuse(['deploy', '--stage', '../dev'], /needed 1-20/);
  refuse(['publish', '--stage', 'dev'], /unexpected argument "publish"/);
  refuse(['deploy', 'dev', '--stage', 'dev'], /unexpected argument "dev"/);
  assert.equal(existsSync(join(ROOT, 'infra/stages/none.yml')), false);
});
