import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BatchClient, type JobDetail } from '@aws-sdk/client-batch';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { requireOwn } from '../../src/cli/commands/cancel.ts';
import { requireTraining } from '../../src/cloud/deployed-stage.ts';
import { findJob, listJobs, readLastLines } from '../../src/cloud/jobs.ts';
import { jobNameOf } from '../../src/cloud/training-job.ts';
import { ConflictError, SettingError } from '../../src/core/errors.ts';
import { answerBy } from '../support/answers.ts';

const QUEUE = 'arn:aws:batch:eu-central-1:123456789012:job-queue/chirpline-dev-training';

/** A client that knows jobs of these datasets, oldest first. */
function answerFor(datasets: string[]) {
  const jobs: JobDetail[] = datasets.map((dataset, index) => ({
    jobId: `job-${index}`,
    jobName: jobNameOf(dataset),
    jobQueue: QUEUE,
    jobDefinition: 'definition',
    status: 'RUNNABLE',
    startedAt: undefined,
    createdAt: index,
    parameters: { dataset },
  }));
  return answerBy(new BatchClient({ region: 'eu-central-1' }), {
    ListJobs({ nextToken = '0' }: { nextToken?: string }) {
      const from = Number(nextToken);
      const jobSummaryList = jobs.toReversed().slice(from, from + 100);
      return { jobSummaryList, ...(from + 100 < jobs.length && { nextToken: String(from + 100) }) };
    },
    DescribeJobs({ jobs: ids }: { jobs: string[] }) {
      assert.ok(ids.length <= 100);
      return { jobs: jobs.filter(({ jobId }) => ids.includes(jobId ?? '')) };
    },
  });
}

const many = (count: number) => Array.from({ length: count }, () => 'other');

test("a dataset's latest jobs are found after newer jobs of others", async () => {
  const { client } = answerFor(['g2net', 'v1.2', 'g2net', 'v1_2', ...many(250)]);
  const ids = async (limit: number, dataset?: string) =>
    (await listJobs(client, 'queue', limit, dataset)).map(({ id }) => id);
  assert.deepEqual(await ids(10, 'g2net'), ['job-2', 'job-0']);
  assert.deepEqual(await ids(1, 'g2net'), ['job-2']);
  // Both are called train-v1_2.
  assert.deepEqual(await ids(1, 'v1.2'), ['job-1']);
  assert.deepEqual(await ids(10, 'none'), []);
  assert.equal((await ids(10)).length, 10);
  assert.equal((await ids(150)).length, 150);
});

test('the number of pages of jobs is limited', async () => {
  const { client, sent } = answerFor(many(5000));
  assert.deepEqual(await listJobs(client, 'queue', 10, 'g2net'), []);
  assert.equal(sent.length, 10);
});

test("only a stage's own jobs can be cancelled, and the error names the job's stage", async () => {
  const { client } = answerFor(['g2net']);
  const job = await findJob(client, 'job-0');
  const stage = (name: string, queue: string) => ({
    ...{ name, bucket: '', stateMachine: '', queues: [], training: { queue, definition: '', logs: '' } },
  });
  requireOwn(job!, stage('dev', 'chirpline-dev-training'));
  assert.throws(
    () => requireOwn(job!, stage('prod', 'chirpline-prod-training')),
    new SettingError('job job-0 is of stage dev, not of stage prod. Use --stage dev'),
  );
  assert.throws(
    () => requireOwn({ id: 'x', queue: 'renders' }, stage('dev', 'chirpline-dev-training')),
    /job x is in the queue renders, not of stage dev\. Stop it/,
  );
});

test('a stage without training refuses a submission, and owns no job', () => {
  const stage = { name: 'dev', bucket: '', stateMachine: '', queues: [] };
  assert.throws(
    () => requireTraining(stage),
    new ConflictError(
      "stage dev has no training: set training: 'on' in infra/stages/dev.yml and deploy it again",
    ),
  );
  assert.throws(() => requireOwn({ id: 'x', queue: 'chirpline-prod-training' }, stage), SettingError);
});

test('a job whose container did not start shows the reason', async () => {
  const { client } = answerBy(new BatchClient({ region: 'eu-central-1' }), {
    DescribeJobs: () => ({
      jobs: [
        {
          jobId: 'j',
          status: 'FAILED',
          statusReason: 'Task failed to start',
          container: { reason: 'CannotPullContainerError: no such image' },
        },
      ],
    }),
  });
  assert.equal(
    (await findJob(client, 'j'))?.reason,
    'Task failed to start: CannotPullContainerError: no such image',
  );
});

/** A client with these pages of a log stream, the last page of the stream first. */
function answerPages(pages: string[][]) {
  return answerBy(new CloudWatchLogsClient({ region: 'eu-central-1' }), {
    GetLogEvents({ nextToken }: { nextToken?: string }) {
      const page = nextToken === undefined ? 0 : Number(nextToken);
      const nextBackwardToken = String(Math.min(page + 1, pages.length));
      return {
        events: (pages[page] ?? []).map((message) => ({ message: `${message}\n` })),
        nextBackwardToken,
      };
    },
  });
}

const JOB = {
  ...{ id: 'j', name: '', dataset: '', queue: '', state: 'RUNNING', attempts: 0, created: new Date(0) },
  ...{ ofRun: false, logStream: 'stream' },
};

test('the last lines of a job are found after empty pages', async () => {
  const read = (pages: string[][]) => {
    const { client, sent } = answerPages(pages);
    return readLastLines(client, 'group', JOB, 3).then((lines) => ({ lines, requests: sent.length }));
  };
  assert.deepEqual(await read([['a', 'b']]), { lines: ['a', 'b'], requests: 1 });
  assert.deepEqual(await read([[], [], ['a', 'b']]), { lines: ['a', 'b'], requests: 3 });
  // At the start of the stream the token stays the same.
  assert.deepEqual(await read([[]]), { lines: [], requests: 2 });
  assert.deepEqual(await read(Array.from({ length: 50 }, () => [])), { lines: [], requests: 5 });
});
