import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  createJob,
  type JobDetail,
  type JobEvent,
  type WarnOfQuota,
  warnOfQuota,
} from '../../functions/job.ts';
import type { AnswerRun } from '../../functions/waiting-run.ts';
import type { JobStatus } from '../../src/cloud/job-status.ts';
import { setEnvironment } from '../support/emulator.ts';
import { startFakeAws } from '../support/fake-aws.ts';
import { memoryDatasets } from './stores.ts';

const TOKEN = [{ name: 'TASK_TOKEN', value: 'token' }];

function event(fields: Partial<JobDetail>): JobEvent {
  const detail: JobDetail = {
    jobId: 'job-1',
    jobName: 'train-tiny',
    status: 'RUNNING',
    parameters: { dataset: 'tiny', training: 'key' },
    attempts: [],
    createdAt: 1000,
    container: { environment: TOKEN, logStreamName: 'stream' },
    ...fields,
  };
  return { detail };
}

function prepare(warn: WarnOfQuota = async () => {}) {
  const open = memoryDatasets();
  const answers: Parameters<AnswerRun>[] = [];
  const warned: [string, number][] = [];
  const job = createJob(
    open,
    async (token, status) => void answers.push([token, status]),
    async (id, vcpus) => {
      await warn(id, vcpus);
      warned.push([id, vcpus]);
    },
  );
  const read = async (id = 'job-1'): Promise<JobStatus> =>
    JSON.parse(new TextDecoder().decode(await open('tiny').models.read(`jobs/${id}.json`)));
  return { job, answers, warned, read };
}

test('the status of a job is stored beside its models, and the run is told only when the job ends', async () => {
  const { job, answers, read } = prepare();
  await job(event({ status: 'RUNNING', startedAt: 2000 }));
  assert.deepEqual(await read(), {
    job: 'job-1',
    name: 'train-tiny',
    dataset: 'tiny',
    state: 'RUNNING',
    attempts: 0,
    created: 1000,
    started: 2000,
    logStream: 'stream',
    training: 'key',
  });
  assert.equal(answers.length, 0);
  await job(event({ status: 'SUCCEEDED', stoppedAt: 3000 }));
  assert.equal((await read()).state, 'SUCCEEDED');
  assert.deepEqual(
    answers.map(([token, { state }]) => [token, state]),
    [['token', 'SUCCEEDED']],
  );
});

test('a late event replaces no later state', async () => {
  const { job, read } = prepare();
  await job(event({ status: 'FAILED', statusReason: 'exited', container: { exitCode: 3 } }));
  await job(event({ status: 'RUNNING' }));
  const status = await read();
  assert.deepEqual([status.state, status.exitCode, status.reason], ['FAILED', 3, 'exited']);
});

test('a retried job is shown as waiting again', async () => {
  const { job, read } = prepare();
  await job(event({ status: 'RUNNING' }));
  await job(event({ status: 'RUNNABLE', attempts: [{}] }));
  assert.deepEqual([(await read()).state, (await read()).attempts], ['RUNNABLE', 1]);
  await job(event({ status: 'RUNNING' }));
  assert.equal((await read()).state, 'RUNNABLE');
});

test('a job without a token answers no run, and a foreign job is ignored', async () => {
  const { job, answers, read } = prepare();
  await job(event({ status: 'SUCCEEDED', container: {} }));
  assert.equal((await read()).state, 'SUCCEEDED');
  await job(event({ jobId: 'job-2', status: 'SUCCEEDED', parameters: {} }));
  await job(event({ jobId: 'job-2', status: 'SUCCEEDED', parameters: { dataset: '../up' } }));
  assert.equal(answers.length, 0);
});

test('a run is told only about the end of the whole array, and each job of it has its own status', async () => {
  const { job, answers, read } = prepare();
  const open = (index: number) => ({ jobId: `job-1:${index}`, arrayProperties: { index } });
  await job(event({ ...open(0), status: 'SUCCEEDED', container: { exitCode: 0, environment: TOKEN } }));
  await job(event({ ...open(1), status: 'FAILED', container: { exitCode: 3, environment: TOKEN } }));
  assert.equal(answers.length, 0);
  assert.deepEqual([(await read('job-1:1')).fold, (await read('job-1:1')).exitCode], [1, 3]);
  await job(event({ status: 'FAILED', arrayProperties: { size: 2 } }));
  assert.deepEqual(
    answers.map(([token, { state, job }]) => [token, state, job]),
    [['token', 'FAILED', 'job-1']],
  );
});

test('the quota is looked at once for a job that waits: not for later attempts, repeated events, or other jobs of an array', async () => {
  const { job, warned } = prepare();
  const container = { resourceRequirements: [{ type: 'VCPU' as const, value: '4' }] };
  const waiting = (fields: Partial<JobDetail>) => job(event({ status: 'RUNNABLE', container, ...fields }));
  await job(event({ status: 'PENDING', container }));
  await waiting({});
  await waiting({});
  await waiting({ attempts: [{}] });
  await waiting({ jobId: 'job-2:0', arrayProperties: { index: 0 } });
  await waiting({ jobId: 'job-2:1', arrayProperties: { index: 1 } });
  // Of the job agent, whose jobs need no host.
  await waiting({ jobId: 'job-3', container: {} });
  assert.deepEqual(warned, [
    ['job-1', 4],
    ['job-2:0', 4],
  ]);
});

test('a warning that fails is sent when Lambda repeats the event, unless the job has its host by then', async () => {
  let isDown = true;
  const { job, warned, read } = prepare(async () => {
    if (isDown) throw new Error('the mail failed');
  });
  const container = { resourceRequirements: [{ type: 'VCPU' as const, value: '4' }] };
  const waiting = (jobId: string) => job(event({ jobId, status: 'RUNNABLE', container }));
  for (const id of ['job-1', 'job-2']) await assert.rejects(waiting(id), /the mail failed/);
  // A later run must know of the job all the same.
  assert.equal((await read()).state, 'RUNNABLE');
  isDown = false;
  await job(event({ jobId: 'job-2', status: 'STARTING', container }));
  for (const id of ['job-1', 'job-1', 'job-2']) await waiting(id);
  assert.deepEqual(warned, [['job-1', 4]]);
  assert.equal((await read('job-2')).state, 'STARTING');
});

test('people are told of a job whose quota allows no host, and not of one whose quota does', async (t) => {
  let spot = 0;
  const { env, requests } = await startFakeAws(t, {
    GetServiceQuota: () => ({ Quota: { Value: spot } }),
    Publish: () =>
      '<PublishResponse><PublishResult><MessageId>5c0d</MessageId></PublishResult></PublishResponse>',
  });
  t.after(setEnvironment({ ...env, ALARM_TOPIC: 'arn:aws:sns:x', STAGE: 'dev' }));
  const sent = () => requests.flatMap(({ body }) => new URLSearchParams(body).get('Message') ?? []);
  await warnOfQuota('job-1', 4);
  assert.deepEqual(sent(), [
    "Training job job-1 of stage dev waits in vain: it needs 4 vCPUs, and the account's quota of GPU vCPUs is 0 for spot hosts, 0 on demand. chirpline doctor --stage dev has the command to request more.",
  ]);
  spot = 4;
  await warnOfQuota('job-2', 4);
  delete process.env.ALARM_TOPIC;
  spot = 0;
  await warnOfQuota('job-3', 4);
  assert.equal(sent().length, 1);
});
