/** Training jobs of a stage, as AWS Batch and its logs tell of them. */
import {
  type BatchClient,
  DescribeJobsCommand,
  type JobDetail,
  type JobSummary,
  ListJobsCommand,
  TerminateJobCommand,
} from '@aws-sdk/client-batch';
import { type CloudWatchLogsClient, GetLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { jobNameOf, TASK_TOKEN } from './training-job.ts';

export interface Job {
  id: string;
  name: string;
  dataset: string;
  /** Name of the queue that it was submitted to. */
  queue: string;
  /** SUBMITTED, PENDING, RUNNABLE, STARTING, RUNNING, SUCCEEDED or FAILED. */
  state: string;
  /** Why it failed, or why it doesn't start, as AWS says. */
  reason?: string;
  exitCode?: number;
  /** Attempts that have ended. */
  attempts: number;
  created: Date;
  started?: Date;
  stopped?: Date;
  logStream?: string;
  /** Whether a run waits for it. */
  ofRun: boolean;
  /** Of an array job, which trains a fold in each of its jobs: how many are in which state. */
  folds?: { total: number; states: Record<string, number> };
  /** Of a job in an array. */
  fold?: number;
}

/** Jobs that the status shows are not older than this [ms]. */
const SPAN = 14 * 24 * 3600 * 1000;
/** Of one call: https://docs.aws.amazon.com/batch/latest/APIReference/API_DescribeJobs.html */
const DESCRIBE_LIMIT = 100;

/** Pages of a listing that are looked through at most, of a hundred jobs each. */
const PAGES = 10;

/** The latest jobs, newest first: of one dataset, or of all. */
export async function listJobs(
  client: BatchClient,
  jobQueue: string,
  limit: number,
  dataset?: string,
): Promise<Job[]> {
  const latest = (await listSummaries(client, jobQueue))
    .filter(({ jobName }) => dataset === undefined || jobName === jobNameOf(dataset))
    .sort((a, b) => (b.createdAt ?? 0) - (a.createdAt ?? 0))
    .map(({ jobId = '' }) => jobId);
  const found: Job[] = [];
  while (latest.length > 0 && found.length < limit) {
    const ids = latest.splice(0, Math.min(limit - found.length, DESCRIBE_LIMIT));
    const { jobs = [] } = await client.send(new DescribeJobsCommand({ jobs: ids }));
    // Names of jobs are not quite those of datasets.
    found.push(...jobs.map(readJob).filter((job) => dataset === undefined || job.dataset === dataset));
  }
  return found.sort((a, b) => b.created.getTime() - a.created.getTime());
}

async function listSummaries(client: BatchClient, jobQueue: string): Promise<JobSummary[]> {
  const filters = [{ name: 'AFTER_CREATED_AT', values: [String(Date.now() - SPAN)] }];
  const summaries: JobSummary[] = [];
  let nextToken: string | undefined;
  for (let page = 0; page < PAGES; page += 1) {
    const answer = await client.send(new ListJobsCommand({ jobQueue, filters, nextToken }));
    summaries.push(...(answer.jobSummaryList ?? []));
    nextToken = answer.nextToken;
    if (nextToken === undefined) break;
  }
  return summaries;
}

/** The jobs of an array, the first hundred of them. */
export async function listFolds(client: BatchClient, { id, folds }: Job): Promise<Job[]> {
  if (folds === undefined) return [];
  const count = Math.min(folds.total, DESCRIBE_LIMIT);
  const ids = Array.from({ length: count }, (_, index) => `${id}:${index}`);
  const { jobs = [] } = await client.send(new DescribeJobsCommand({ jobs: ids }));
  return jobs.map(readJob).sort((a, b) => (a.fold ?? 0) - (b.fold ?? 0));
}

/** The job of that id in whichever queue of the account; undefined when there is none. */
export async function findJob(client: BatchClient, id: string): Promise<Job | undefined> {
  const { jobs = [] } = await client.send(new DescribeJobsCommand({ jobs: [id] }));
  return jobs[0] && readJob(jobs[0]);
}

function readJob(detail: JobDetail): Job {
  const {
    jobId,
    jobName,
    jobQueue = '',
    status,
    statusReason,
    parameters,
    container,
    attempts,
    createdAt,
  } = detail;
  const { startedAt, stoppedAt, arrayProperties: { index, size, statusSummary = {} } = {} } = detail;
  // Why a container did not start, or was killed, is told apart from the job's own reason.
  const reason = [statusReason, container?.reason].filter((part) => part !== undefined).join(': ');
  return {
    id: jobId ?? '',
    name: jobName ?? '',
    dataset: parameters?.dataset ?? '',
    // AWS tells its ARN.
    queue: jobQueue.slice(jobQueue.lastIndexOf('/') + 1),
    state: status ?? '',
    attempts: attempts?.length ?? 0,
    created: new Date(createdAt ?? 0),
    ofRun: container?.environment?.some(({ name }) => name === TASK_TOKEN) ?? false,
    ...(reason !== '' && { reason }),
    ...(container?.exitCode !== undefined && { exitCode: container.exitCode }),
    ...(startedAt !== undefined && { started: new Date(startedAt) }),
    ...(stoppedAt !== undefined && { stopped: new Date(stoppedAt) }),
    ...(container?.logStreamName !== undefined && { logStream: container.logStreamName }),
    ...(size !== undefined && { folds: { total: size, states: statusSummary } }),
    ...(index !== undefined && { fold: index }),
  };
}

export function isActive({ state }: Job): boolean {
  return state !== 'SUCCEEDED' && state !== 'FAILED';
}

/** Ends a job wherever it is in its life; of an array, all of its jobs. */
export async function stopJob(client: BatchClient, { id }: Job): Promise<void> {
  await client.send(new TerminateJobCommand({ jobId: id, reason: 'chirpline cancel' }));
}

/** Empty pages that are passed over, at most: AWS may send some before those that hold something. */
const LOG_PAGES = 5;

/** The last lines that a job printed; none when there are no logs (yet). */
export async function readLastLines(
  client: CloudWatchLogsClient,
  logGroupName: string,
  { logStream }: Job,
  limit: number,
): Promise<string[]> {
  if (logStream === undefined) return [];
  const request = { logGroupName, logStreamName: logStream, limit, startFromHead: false };
  try {
    let nextToken: string | undefined;
    for (let page = 0; page < LOG_PAGES; page += 1) {
      const { events = [], nextBackwardToken } = await client.send(
        new GetLogEventsCommand({ ...request, nextToken }),
      );
      if (events.length > 0) return events.map(({ message = '' }) => message.trimEnd());
      // The same token again says that this was the stream's beginning.
      if (nextBackwardToken === undefined || nextBackwardToken === nextToken) break;
      nextToken = nextBackwardToken;
    }
    return [];
  } catch (error) {
    if (error instanceof Error && error.name === 'ResourceNotFoundException') return [];
    throw error;
  }
}
