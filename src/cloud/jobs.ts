/** Training jobs of a stage, read from AWS Batch and CloudWatch Logs. */
import {
  type BatchClient,
  DescribeJobsCommand,
  type JobDetail,
  type JobSummary,
  ListJobsCommand,
  TerminateJobCommand,
} from '@aws-sdk/client-batch';
import { type CloudWatchLogsClient, GetLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { isFinal } from './job-status.ts';
import { jobNameOf, TASK_TOKEN } from './training-job.ts';

export interface Job {
  id: string;
  name: string;
  dataset: string;
  /** Name of the job queue. */
  queue: string;
  /** SUBMITTED, PENDING, RUNNABLE, STARTING, RUNNING, SUCCEEDED or FAILED. */
  state: string;
  /** AWS's reason why the job failed or doesn't start. */
  reason?: string;
  exitCode?: number;
  /** Attempts that have ended. */
  attempts: number;
  created: Date;
  started?: Date;
  stopped?: Date;
  logStream?: string;
  /** CPUs of the host that it needs. */
  vcpus?: number;
  /** Whether a run waits for it. */
  ofRun: boolean;
  /** Only for an array job, whose jobs train one fold each: how many are in which state. */
  folds?: { total: number; states: Record<string, number> };
  /** Only for a job in an array. */
  fold?: number;
}

/** Maximum age of the jobs that the status shows [ms]. */
const SPAN = 14 * 24 * 3600 * 1000;
/** Jobs per call, at most: https://docs.aws.amazon.com/batch/latest/APIReference/API_DescribeJobs.html */
const DESCRIBE_LIMIT = 100;

/** Pages read of a listing, at most. A page has a hundred jobs. */
const PAGES = 10;

/** The latest jobs of one dataset or of all, newest first. */
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
    // Datasets a.b and a_b have the same job name.
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

/** The jobs of an array, at most the first hundred. */
export async function listFolds(client: BatchClient, { id, folds }: Job): Promise<Job[]> {
  if (folds === undefined) return [];
  const count = Math.min(folds.total, DESCRIBE_LIMIT);
  const ids = Array.from({ length: count }, (_, index) => `${id}:${index}`);
  const { jobs = [] } = await client.send(new DescribeJobsCommand({ jobs: ids }));
  return jobs.map(readJob).sort((a, b) => (a.fold ?? 0) - (b.fold ?? 0));
}

/** The job with this id in any queue of the account; undefined if it doesn't exist. */
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
  // AWS reports separately why a container did not start, or was killed.
  const reason = [statusReason, container?.reason].filter((part) => part !== undefined).join(': ');
  const vcpus = container?.resourceRequirements?.find(({ type }) => type === 'VCPU')?.value;
  return {
    id: jobId ?? '',
    name: jobName ?? '',
    dataset: parameters?.dataset ?? '',
    // AWS reports its ARN.
    queue: jobQueue.slice(jobQueue.lastIndexOf('/') + 1),
    state: status ?? '',
    attempts: attempts?.length ?? 0,
    created: new Date(createdAt ?? 0),
    ofRun: container?.environment?.some(({ name }) => name === TASK_TOKEN) ?? false,
    ...(vcpus !== undefined && { vcpus: Number(vcpus) }),
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
  return !isFinal(state);
}

/** Ends a job in any state, or all jobs of an array. */
export async function stopJob(client: BatchClient, { id }: Job): Promise<void> {
  await client.send(new TerminateJobCommand({ jobId: id, reason: 'chirpline cancel' }));
}

/** Empty pages skipped, at most: AWS may send some before the first page with events. */
const LOG_PAGES = 5;

/** The last lines that a job printed; none if it has no logs yet. */
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
      // The same token again means that this was the start of the stream.
      if (nextBackwardToken === undefined || nextBackwardToken === nextToken) break;
      nextToken = nextBackwardToken;
    }
    return [];
  } catch (error) {
    if (error instanceof Error && error.name === 'ResourceNotFoundException') return [];
    throw error;
  }
}
