import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeStatus } from '../../src/cli/commands/status.ts';
import { explainCloudError } from '../../src/cloud/aws-errors.ts';
import { createStatusReader, type JobView, type StageStatus } from '../../src/cloud/stage-status.ts';
import { MachineError } from '../../src/core/errors.ts';
import { setEnvironment } from '../support/emulator.ts';
import { startFakeAws } from '../support/fake-aws.ts';

const at = (seconds: number) => new Date(seconds * 1000);
const NOTHING: StageStatus = {
  runs: [],
  jobs: [],
  deadLetters: [{ queue: 'labels', messages: 0, resendable: true }],
};

test('a run shows its state and progress, and a failed run its reason', () => {
  const text = describeStatus(
    {
      ...NOTHING,
      runs: [
        {
          name: 'g2net-1',
          execution: 'arn',
          dataset: 'g2net',
          state: 'RUNNING',
          started: at(0),
          progress: { psdChunks: { done: 79, total: 79 }, shards: { done: 12, total: 547 } },
        },
        {
          name: 'g2net-0',
          execution: 'arn',
          dataset: 'g2net',
          state: 'FAILED',
          started: at(0),
          stopped: at(5),
          reason: 'InputError: no labels',
        },
      ],
    },
    'dev',
    65_000,
  );
  assert.deepEqual(text.split('\n'), [
    'run g2net-1  g2net  RUNNING  1:05',
    '    PSD 79/79 chunks, 12/547 shards',
    'run g2net-0  g2net  FAILED  5 s',
    '    InputError: no labels',
  ]);
});

const JOB = {
  id: 'j',
  name: 'train-g2net',
  dataset: 'g2net',
  queue: 'chirpline-dev-training',
  state: 'RUNNABLE',
  attempts: 0,
  created: at(0),
  ofRun: false,
  lastLines: [],
};

test('an array job counts the states of its folds, and shows running and failed ones one by one', () => {
  const part = (fold: number, fields: Partial<JobView>) => ({ ...JOB, id: `j:${fold}`, fold, ...fields });
  const text = describeStatus(
    {
      ...NOTHING,
      jobs: [
        {
          ...JOB,
          state: 'PENDING',
          folds: { total: 5, states: { SUCCEEDED: 1, RUNNING: 1, FAILED: 1, RUNNABLE: 2, STARTING: 0 } },
          parts: [
            part(0, { state: 'SUCCEEDED', exitCode: 0, attempts: 1 }),
            part(1, {
              state: 'FAILED',
              exitCode: 2,
              attempts: 1,
              stopped: at(9),
              reason: 'exited',
              lastLines: ['no'],
            }),
            part(2, {
              state: 'RUNNING',
              started: at(60),
              attempts: 2,
              lastLines: ['epoch 3/5', 'epoch 4/5'],
            }),
            part(3, {}),
            part(4, {}),
          ],
        },
      ],
    },
    'dev',
    125_000,
  );
  assert.deepEqual(text.split('\n'), [
    'job j  train-g2net  g2net  PENDING  2:05  5 folds: 1 SUCCEEDED, 1 RUNNING, 1 FAILED, 2 RUNNABLE',
    '    fold 1  FAILED  9 s  exit code 2',
    '        exited',
    '        | no',
    '    fold 2  RUNNING  1:05  2 attempts',
    '        | epoch 3/5',
    '        | epoch 4/5',
  ]);
});

const QUOTA = /the quota for GPU vCPUs.*docs\/operations\.md, "Deploy", step 2/;

test("a job that doesn't start is shown as waiting, with the remedy, and with AWS's reason if there is one", () => {
  const show = (stage: string, fields: Partial<JobView> = {}) =>
    describeStatus({ ...NOTHING, jobs: [{ ...JOB, ...fields }] }, stage, 7_200_000).split('\n');
  const [line, wait, ...more] = show('dev');
  assert.match(line!, /RUNNABLE {2}2:00:00$/);
  assert.match(wait!, /^ {4}waits for a host\. /);
  assert.match(wait!, QUOTA);
  assert.deepEqual(more, []);
  const withQuota = (spot: number, onDemand: number) =>
    describeStatus(
      { ...NOTHING, jobs: [{ ...JOB, vcpus: 4 }], gpuQuotas: { spot, 'on demand': onDemand } },
      'dev',
    ).split('\n')[1];
  assert.equal(
    withQuota(0, 2),
    "    waits in vain: the account's quota is 0 GPU vCPUs on spot hosts and 2 on demand, the job needs 4. chirpline doctor --stage dev has the command to request more",
  );
  assert.match(
    withQuota(0, 4)!,
    /^ {4}waits for a host\. .*quota: 0 GPU vCPUs on spot hosts and 4 on demand$/,
  );
  // The local stage has no hosts to wait for.
  assert.deepEqual(show('local')[1], '    waits for an earlier job: jobs run one at a time');

  for (const [reason, remedy] of [
    ['MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - ...', /jobMemory.*infra\/stages\/dev\.yml.*instanceTypes/],
    ['MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - ...', /raise maxVcpus in infra\/stages\/dev\.yml/],
    ['CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - ...', QUOTA],
    ['MISCONFIGURATION:EC2_INSTANCE_CONFIGURATION_UNSUPPORTED - ...', /choose other instanceTypes/],
    ['UNDETERMINED - Batch job is blocked, root cause is undetermined.', QUOTA],
  ] as const) {
    const ended = `Canceled by JobStateTimeLimit action due to reason: ${reason}`;
    for (const fields of [{ reason }, { reason: ended, state: 'FAILED' }]) {
      const [, why, advice, ...rest] = show('dev', fields);
      assert.equal(why, `    ${fields.reason}`);
      assert.match(advice!, remedy);
      assert.deepEqual(rest, []);
    }
  }
  assert.deepEqual(show('dev', { reason: 'of another kind' }).slice(1), ['    of another kind']);
});

test('folds that wait for a host share one line with the remedy, unless others run; a blocked fold has its own', () => {
  const show = (...parts: Partial<JobView>[]) =>
    describeStatus(
      {
        ...NOTHING,
        jobs: [
          {
            ...JOB,
            state: 'PENDING',
            folds: { total: parts.length, states: { RUNNABLE: parts.length } },
            parts: parts.map((fields, fold) => ({ ...JOB, id: `j:${fold}`, fold, ...fields })),
          },
        ],
      },
      'dev',
      0,
    ).split('\n');
  const [, wait, ...more] = show({}, {}, { state: 'SUCCEEDED' });
  assert.match(wait!, /^ {4}folds 0, 1 wait for a host\. /);
  assert.match(wait!, QUOTA);
  assert.deepEqual(more, []);
  const reason = 'CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - ...';
  const [, blocked, why, advice, other] = show({ reason }, {});
  assert.deepEqual([blocked, why], ['    fold 0  RUNNABLE  0 s', `        ${reason}`]);
  assert.match(advice!, QUOTA);
  assert.match(other!, /^ {4}fold 1 waits for a host\. /);
  assert.equal(show({ state: 'RUNNING' }, {}).length, 2);
});

test('without a terminal, a line does not change as time passes', () => {
  const runs = [{ name: 'g2net-1', execution: 'arn', dataset: 'g2net', state: 'RUNNING', started: at(0) }];
  const jobs = [{ ...JOB, state: 'RUNNING', started: at(0) }];
  assert.equal(
    describeStatus({ ...NOTHING, runs, jobs }, 'dev', undefined),
    'run g2net-1  g2net  RUNNING\njob j  train-g2net  g2net  RUNNING',
  );
});

test('dead letters are shown with the remedy, and an empty stage says so', () => {
  assert.equal(describeStatus(NOTHING, 'dev'), 'stage dev has no runs or jobs yet');
  const deadLetters = [
    { queue: 'objects', messages: 2, resendable: true },
    { queue: 'jobs', messages: 1, resendable: false },
  ];
  const text = describeStatus({ ...NOTHING, deadLetters }, 'dev');
  assert.match(text, /2 dead letters in the objects queue: chirpline redrive/);
  assert.match(text, /1 dead letter in the jobs queue: see docs/);
});

test('errors of AWS and the network become a MachineError with advice; a bug stays as it is', () => {
  const named = (name: string, fields: object = {}) => Object.assign(new Error('text'), { name, ...fields });
  const cases: [Error, RegExp][] = [
    [named('CredentialsProviderError'), /no AWS credentials found/],
    [named('AccessDeniedException', { $metadata: {} }), /user-policy/],
    [named('Error', { code: 'ECONNREFUSED' }), /the emulator is not running/],
    [named('ThrottlingException', { $metadata: {} }), /AWS returned ThrottlingException: text/],
  ];
  for (const [error, message] of cases) {
    const explained = explainCloudError(error, 'local');
    assert.ok(explained instanceof MachineError);
    assert.match(explained.message, message);
  }
  const dropped: [string, Error, RegExp][] = [
    [
      'dev',
      named('TimeoutError'),
      /^stage dev: AWS can't be reached \(no response in time\)\. Check the network$/,
    ],
    ['dev', named('Error', { code: 'EHOSTUNREACH' }), /AWS can't be reached \(EHOSTUNREACH\)/],
    ['local', named('TimeoutError'), /the emulator or its job agent does not respond.*npm run local:up/],
    [
      'local',
      named('TimeoutError', { code: 'ECONNRESET' }),
      /the emulator or its job agent does not respond/,
    ],
  ];
  for (const [stage, error, message] of dropped) {
    const explained = explainCloudError(error, stage);
    assert.ok(explained instanceof MachineError);
    assert.match(explained.message, message);
  }
  const bug = new TypeError('x is undefined');
  assert.equal(explainCloudError(bug, 'local'), bug);
});

test('the refused port tells whether the emulator or its job agent is not running', (t) => {
  const restore = setEnvironment({
    AWS_ENDPOINT_URL: 'http://127.0.0.1:4566',
    AWS_ENDPOINT_URL_BATCH: 'http://127.0.0.1:4570',
  });
  t.after(restore);
  const explain = (port: number) =>
    String(explainCloudError(Object.assign(new Error('refused'), { code: 'ECONNREFUSED', port }), 'local'));
  assert.match(explain(4566), /stage local: the emulator is not running\. Start it: npm run local:up/);
  assert.match(explain(4570), /stage local: the job agent is not running\. Start it: npm run local:up$/);
});

test('for a job that waits for a host AWS is asked once for the quotas; without the right to ask, the rest is shown', async (t) => {
  let quota = (): object => ({ Quota: { Value: 0 } });
  const { url, env, asked } = await startFakeAws(t, {
    ListExecutions: () => ({ executions: [] }),
    GetQueueAttributes: () => ({ Attributes: { ApproximateNumberOfMessages: '0' } }),
    listjobs: () => ({ jobSummaryList: [{ jobId: 'a', jobName: 'train-g2net' }] }),
    describejobs: () => ({ jobs: [WAITING] }),
    GetServiceQuota: () => quota(),
  });
  t.after(setEnvironment(env));
  const queues = [{ name: 'jobs', deadLetters: `${url}/queue` }];
  const training = { queue: 'queue', definition: 'definition', logs: 'logs' };
  const open = (name: string) =>
    createStatusReader({ name, bucket: 'bucket', stateMachine: 'arn:aws:states:x', queues, training });
  const reader = open('dev');
  await reader.read();
  const { gpuQuotas, jobs } = await reader.read();
  assert.deepEqual([gpuQuotas, jobs[0]?.vcpus], [{ spot: 0, 'on demand': 0 }, 4]);
  const count = () => asked.filter((operation) => operation === 'GetServiceQuota').length;
  // An emulator has none.
  await open('local').read();
  assert.equal(count(), 2);
  quota = () => ({ __type: 'AccessDeniedException', Message: 'no' });
  const denied = await open('dev').read();
  assert.deepEqual([denied.gpuQuotas, denied.jobs.length], [undefined, 1]);
  assert.ok(count() > 2);
});

const WAITING = {
  jobId: 'a',
  jobName: 'train-g2net',
  status: 'RUNNABLE',
  createdAt: 1,
  parameters: { dataset: 'g2net' },
  container: { resourceRequirements: [{ type: 'VCPU', value: '4' }] },
};
