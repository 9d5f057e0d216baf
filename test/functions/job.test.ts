import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createJob, type JobDetail, type JobEvent } from '../../functions/job.ts';
import type { AnswerRun } from '../../functions/waiting-run.ts';
import type { JobStatus } from '../../src/cloud/job-status.ts';
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

function prepare() {
  const open = memoryDatasets();
  const answers: Parameters<AnswerRun>[] = [];
  const job = createJob(open, async (token, status) => void answers.push([token, status]));
  const read = async (id = 'job-1'): Promise<JobStatus> =>
    JSON.parse(new TextDecoder().decode(await open('tiny').models.read(`jobs/${id}.json`)));
  return { job, answers, read };
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
