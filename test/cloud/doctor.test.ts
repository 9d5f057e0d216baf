/** Tests what `chirpline doctor --stage` makes of AWS's answers. test/e2e/ has the emulators' own. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type TestContext, test } from 'node:test';
import { BatchClient } from '@aws-sdk/client-batch';
import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { ECRClient } from '@aws-sdk/client-ecr';
import { ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { SNSClient } from '@aws-sdk/client-sns';
import { examineStage } from '../../src/cloud/doctor/examine-stage.ts';
import { judgeStack } from '../../src/cloud/doctor/stack.ts';
import { architectureOf } from '../../src/cloud/doctor/stage-image.ts';
import type { Finding } from '../../src/core/finding.ts';
import { SOFTWARE } from '../../src/core/software.ts';
import { answerBy } from '../support/answers.ts';

const REGION = 'eu-central-1';
const TAG = `${SOFTWARE.version}-5c0dc0ffee12`;
const image = (tag: string) => `123456789012.dkr.ecr.${REGION}.amazonaws.com/chirpline-dev-training:${tag}`;
const CONFIG = `sha256:${'a'.repeat(64)}`;
const OUTPUTS = {
  Bucket: 'bucket',
  StateMachine: 'arn',
  LabelsQueue: 'url',
  LabelsDeadLetters: 'url',
  ObjectsQueue: 'url',
  ObjectsDeadLetters: 'url',
  JobDeadLetters: 'url',
  MapConcurrency: '600',
  AlarmTopic: 'topic',
  TrainingQueue: 'chirpline-dev-training',
  TrainingJob: 'chirpline-dev-training',
  TrainingLogs: '/chirpline/dev/training',
  JobVcpus: '4',
  TrainingImage: image(TAG),
};

/** As services refuse a request. */
function refusal(name: string, message = 'no'): Error {
  return Object.assign(new Error(message), { name, $metadata: { httpStatusCode: 400 } });
}

interface Account {
  outputs: Record<string, string>;
  quotas: Record<string, number>;
  subscriptions: object[];
  environment: object;
  manifest: object;
  /** Answers in place of the usual ones. */
  instead: Record<string, () => object>;
}

const LIMITS = { 'L-3819A6DF': 16, 'L-DB2E81BA': 8, 'L-B99A9384': 1000 };

/** What doctor finds in an account in which all is well, but for what `changes` says. */
async function examine(t: TestContext, changes: Partial<Account> = {}, emulated = false): Promise<Finding[]> {
  const account: Account = {
    outputs: OUTPUTS,
    quotas: LIMITS,
    subscriptions: [{ Endpoint: 'a@example.org', SubscriptionArn: 'arn:aws:sns:x' }],
    environment: { state: 'ENABLED', status: 'VALID' },
    manifest: { schemaVersion: 2, config: { digest: CONFIG } },
    instead: {},
    ...changes,
  };
  // ECR gives the address of an image's configuration.
  const server = createServer((_, response) => response.end('{"architecture": "amd64", "os": "linux"}'));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => server.close());
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const environment = (type: string) => ({
    computeResources: { type, instanceTypes: ['g4dn.xlarge', 'g6.xlarge'], maxvCpus: 16 },
    ...account.environment,
  });
  const answers: Record<string, (input: never) => object> = {
    DescribeStacks: () => ({
      Stacks: [
        {
          StackStatus: 'UPDATE_COMPLETE',
          Outputs: Object.entries(account.outputs).map(([OutputKey, OutputValue]) => ({
            OutputKey,
            OutputValue,
          })),
        },
      ],
    }),
    GetServiceQuota: ({ QuotaCode }: { QuotaCode: string }) => ({
      Quota: { Value: account.quotas[QuotaCode] },
    }),
    ListSubscriptionsByTopic: ({ NextToken }: { NextToken?: string }) =>
      NextToken === undefined
        ? { Subscriptions: [], NextToken: '2' }
        : { Subscriptions: account.subscriptions },
    DescribeJobQueues: ({ jobQueues: [name] }: { jobQueues: [string] }) => ({
      jobQueues: [
        {
          jobQueueName: name,
          state: 'ENABLED',
          status: 'VALID',
          computeEnvironmentOrder: [{ computeEnvironment: 'a' }, { computeEnvironment: 'b' }],
        },
      ],
    }),
    DescribeComputeEnvironments: ({ computeEnvironments }: { computeEnvironments: string[] }) => {
      assert.deepEqual(computeEnvironments, ['a', 'b']);
      return { computeEnvironments: [environment('SPOT'), environment('EC2')] };
    },
    DescribeImages: () => ({ imageDetails: [{ imagePushedAt: new Date('2026-11-29') }] }),
    BatchGetImage: () => ({ images: [{ imageManifest: JSON.stringify(account.manifest) }] }),
    GetDownloadUrlForLayer: ({ layerDigest }: { layerDigest: string }) => {
      assert.equal(layerDigest, CONFIG);
      return { downloadUrl: `http://127.0.0.1:${address.port}/` };
    },
    ...account.instead,
  };
  const of = <C>(client: C) => answerBy(client, answers).client;
  const region = { region: REGION };
  const clients = {
    cloudFormation: of(new CloudFormationClient(region)),
    batch: of(new BatchClient(region)),
    ecr: of(new ECRClient(region)),
    quotas: of(new ServiceQuotasClient(region)),
    sns: of(new SNSClient(region)),
  };
  return examineStage('dev', clients, emulated);
}

const statuses = (findings: Finding[]) => findings.map(({ name, status }) => [name, status]);
const rest = (findings: Finding[]) => findings.filter(({ status }) => status !== 'ok');

test('in an account that is ready every finding is ok, and has the facts', async (t) => {
  const findings = await examine(t);
  assert.deepEqual(
    findings.map(({ name, status, detail }) => `${status} ${name}: ${detail}`),
    [
      'ok region: eu-central-1',
      'ok stack: UPDATE_COMPLETE',
      'ok functions: the account runs 1000 at once, mapConcurrency is 600',
      'ok alarms: a@example.org',
      'ok job queue: ENABLED, VALID',
      'ok hosts, spot: ENABLED, VALID: g4dn.xlarge, g6.xlarge, 16 vCPUs at most',
      'ok hosts, on demand: ENABLED, VALID: g4dn.xlarge, g6.xlarge, 16 vCPUs at most',
      'ok GPU quota, spot: 16 vCPUs, 4 for each job: 4 at once',
      'ok GPU quota, on demand: 8 vCPUs, 4 for each job: 2 at once',
      `ok image: ${image(TAG)}, of 2026-11-29T00:00:00.000Z, amd64`,
    ],
  );
});

test('a new account lacks quotas: without any no job starts, with one of the two some do', async (t) => {
  const none = { 'L-3819A6DF': 0, 'L-DB2E81BA': 0, 'L-B99A9384': 10 };
  const findings = rest(await examine(t, { quotas: none }));
  assert.deepEqual(statuses(findings), [
    ['functions', 'warn'],
    ['GPU quota, spot', 'missing'],
    ['GPU quota, on demand', 'missing'],
  ]);
  assert.match(
    findings[0]!.advice!,
    /^lower mapConcurrency in infra\/stages\/dev\.yml, or aws service-quotas/,
  );
  assert.equal(
    findings[1]!.advice,
    'aws service-quotas request-service-quota-increase --region eu-central-1 --service-code ec2 --quota-code L-3819A6DF --desired-value 4',
  );
  const one = rest(await examine(t, { quotas: { ...LIMITS, 'L-3819A6DF': 0 } }));
  assert.deepEqual(statuses(one), [['GPU quota, spot', 'warn']]);
});

test('alarms that nobody gets, or whose address is not confirmed, are told', async (t) => {
  const [none] = rest(await examine(t, { subscriptions: [] }));
  assert.deepEqual([none!.name, none!.status, none!.detail], ['alarms', 'warn', 'nobody gets them']);
  const pending = { Endpoint: 'a@example.org', SubscriptionArn: 'PendingConfirmation' };
  const [waiting] = rest(await examine(t, { subscriptions: [pending] }));
  assert.match(waiting!.detail, /^a@example\.org has not confirmed/);
});

test('environments that are invalid, off or out of date are told with the reason of AWS', async (t) => {
  const of = async (environment: object) => rest(await examine(t, { environment })).slice(0, 2);
  const invalid = await of({ state: 'ENABLED', status: 'INVALID', statusReason: 'CLIENT_ERROR - no rights' });
  assert.deepEqual(statuses(invalid), [
    ['hosts, spot', 'missing'],
    ['hosts, on demand', 'missing'],
  ]);
  assert.match(invalid[0]!.detail, /INVALID: CLIENT_ERROR - no rights$/);
  const [off] = await of({ state: 'DISABLED', status: 'VALID' });
  assert.deepEqual([off!.status, off!.detail], ['missing', 'DISABLED, VALID']);
  const [updating] = await of({ state: 'ENABLED', status: 'UPDATING' });
  assert.equal(updating!.status, 'warn');
  const computeResources = {
    type: 'SPOT',
    instanceTypes: ['g5.xlarge'],
    ec2Configuration: [{ imageType: 'ECS_AL2023_NVIDIA', batchImageStatus: 'UPDATE_AVAILABLE' }],
  };
  const [old] = await of({ state: 'ENABLED', status: 'VALID', computeResources });
  assert.deepEqual([old!.status, /out of date$/.test(old!.detail)], ['warn', true]);
});

test('an image that is absent, of another version or for another CPU is told', async (t) => {
  const absent = () => {
    throw refusal('ImageNotFoundException');
  };
  const [missing] = rest(await examine(t, { instead: { DescribeImages: absent } }));
  assert.deepEqual(
    [missing!.status, missing!.detail, missing!.advice],
    ['missing', `${image(TAG)} was not pushed yet`, 'npm run container:push -- --stage dev'],
  );
  const outputs = { ...OUTPUTS, TrainingImage: image('0.0.9-5c0d') };
  const [old] = rest(await examine(t, { outputs }));
  assert.equal(old!.status, 'warn');
  assert.match(old!.detail, /another version than this one/);
  const platform = (architecture: string) => ({ platform: { architecture, os: 'linux' } });
  const manifests = [platform('arm64'), platform('unknown')];
  const [other] = rest(await examine(t, { manifest: { manifests } }));
  assert.equal(other!.status, 'missing');
  assert.match(other!.detail, /, is for arm64: the hosts need amd64$/);
  const both = { manifests: [platform('arm64'), platform('amd64')] };
  assert.deepEqual(rest(await examine(t, { manifest: both })), []);
  const [broken] = rest(await examine(t, { manifest: { layers: [] } }));
  assert.match(broken!.detail, /^the manifest of .*: found /);
  // The setting `image`.
  const { TrainingImage, ...others } = OUTPUTS;
  assert.ok(TrainingImage);
  assert.deepEqual(statuses(rest(await examine(t, { outputs: others }))), [['image', 'unknown']]);
});

test('a refused request is one finding, and does not hinder the others', async (t) => {
  const deny = () => {
    throw refusal('AccessDeniedException', 'not authorized');
  };
  const findings = await examine(t, { instead: { GetServiceQuota: deny, DescribeJobQueues: deny } });
  assert.deepEqual(statuses(findings), [
    ['region', 'ok'],
    ['stack', 'ok'],
    ['functions', 'missing'],
    ['alarms', 'ok'],
    ['hosts', 'missing'],
    ['GPU quota', 'missing'],
    ['image', 'ok'],
  ]);
  assert.equal(findings[2]!.advice, 'ask for the permissions in infra/user-policy.json');
  const emulated = await examine(t, { instead: { GetServiceQuota: deny } }, true);
  assert.deepEqual(
    rest(emulated).map(({ status, detail }) => [status, detail]),
    Array.from({ length: 2 }, () => ['unknown', 'not answered by this emulator (AccessDeniedException)']),
  );
  const bug = () => {
    throw new TypeError('a bug');
  };
  await assert.rejects(examine(t, { instead: { ListSubscriptionsByTopic: bug } }), TypeError);
});

test('without a stack, the quotas are told all the same; without training, only what the rest needs', async (t) => {
  const none = () => {
    throw refusal('ValidationError', 'Stack with id chirpline-dev does not exist');
  };
  assert.deepEqual(statuses(await examine(t, { instead: { DescribeStacks: none } })), [
    ['region', 'ok'],
    ['stack', 'missing'],
    ['GPU quota, spot', 'ok'],
    ['GPU quota, on demand', 'ok'],
  ]);
  const { TrainingQueue, TrainingImage, ...outputs } = OUTPUTS;
  assert.ok(TrainingQueue && TrainingImage);
  assert.deepEqual(statuses(await examine(t, { outputs })), [
    ['region', 'ok'],
    ['stack', 'ok'],
    ['functions', 'ok'],
    ['alarms', 'ok'],
    ['training', 'ok'],
  ]);
});

test('every state of a stack says what to do', () => {
  const judge = (status: string, outputs = new Map([['AlarmTopic', 'topic']])) => {
    const { status: found, advice } = judgeStack('dev', { status, outputs });
    return [found, advice];
  };
  assert.deepEqual(judge('CREATE_COMPLETE'), ['ok', undefined]);
  assert.deepEqual(judge('UPDATE_COMPLETE', new Map()), ['missing', 'npm run deploy -- --stage dev']);
  assert.deepEqual(judge('UPDATE_IN_PROGRESS'), ['warn', 'it is being changed: wait for the end']);
  assert.equal(judge('UPDATE_ROLLBACK_COMPLETE')[0], 'warn');
  assert.match(judge('UPDATE_ROLLBACK_FAILED')[1]!, /continue-update-rollback --stack-name chirpline-dev/);
  for (const status of ['ROLLBACK_COMPLETE', 'CREATE_FAILED', 'DELETE_FAILED']) {
    const [found, advice] = judge(status);
    assert.equal(found, 'missing');
    assert.match(advice!, /npm run remove -- --stage dev$/);
  }
});

test('the CPU of a host follows from its type', () => {
  for (const type of ['g4dn.xlarge', 'g5.xlarge', 'g6e.2xlarge', 'p4de.24xlarge', 'gr6.4xlarge'])
    assert.equal(architectureOf(type), 'amd64', type);
  assert.equal(architectureOf('g5g.xlarge'), 'arm64');
});
