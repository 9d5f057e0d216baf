/** Training jobs of a stage, as AWS Batch and its logs tell of them. */
import {
  type BatchClient,
  DescribeJobsCommand,
  type JobDetail,
  ListJobsCommand,
  TerminateJobCommand,
} from '@aws-sdk/client-batch';
import { type CloudWatchLogsClient, GetLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { TASK_TOKEN } from './training-job.ts';

export interface Job {
  id: string;
  name: string;
  dataset: string;
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

/** The latest jobs, newest first. */
export async function listJobs(client: BatchClient, jobQueue: string, limit: number): Promise<Job[]> {
  const filters = [{ name: 'AFTER_CREATED_AT', values: [String(Date.now() - SPAN)] }];
  const { jobSummaryList = [] } = await client.send(new ListJobsCommand({ jobQueue, filters }));
  const latest = jobSummaryList
    .sort((a, b) => (b.createdAt ?? 0) - (a.createdAt ?? 0))
    .slice(0, Math.min(limit, DESCRIBE_LIMIT));
  if (latest.length === 0) return [];
  const { jobs = [] } = await client.send(
    new DescribeJobsCommand({ jobs: latest.map(({ jobId }) => jobId ?? '') }),
  );
  return jobs.map(readJob).sort((a, b) => b.created.getTime() - a.created.getTime());
}

/** The jobs of an array, the first hundred of them. */
export async function listFolds(client: BatchClient, { id, folds }: Job): Promise<Job[]> {
  if (folds === undefined) return [];
  const count = Math.min(folds.total, DESCRIBE_LIMIT);
  const ids = Array.from({ length: count }, (_, index) => `${id}:${index}`);
  const { jobs = [] } = await client.send(new DescribeJobsCommand({ jobs: ids }));
  return jobs.map(readJob).sort((a, b) => (a.fold ?? 0) - (b.fold ?? 0));
}

export async function findJob(client: BatchClient, id: string): Promise<Job | undefined> {
  const { jobs = [] } = await client.send(new DescribeJobsCommand({ jobs: [id] }));
  return jobs[0] && readJob(jobs[0]);
}

function readJob(detail: JobDetail): Job {
  const { jobId, jobName, status, statusReason, parameters, container, attempts, createdAt } = detail;
  const { startedAt, stoppedAt, arrayProperties: { index, size, statusSummary = {} } = {} } = detail;
  return {
    id: jobId ?? '',
    name: jobName ?? '',
    dataset: parameters?.dataset ?? '',
    state: status ?? '',
    attempts: attempts?.length ?? 0,
    created: new Date(createdAt ?? 0),
    ofRun: container?.environment?.some(({ name }) => name === TASK_TOKEN) ?? false,
    ...(statusReason !== undefined && { reason: statusReason }),
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

/** The last lines that a job printed; none when there are no logs (yet). */
export async function readLastLines(
  client: CloudWatchLogsClient,
  logGroupName: string,
  { logStream }: Job,
  limit: number,
): Promise<string[]> {
  if (logStream === undefined) return [];
  try {
    const { events = [] } = await client.send(
      new GetLogEventsCommand({ logGroupName, logStreamName: logStream, limit, startFromHead: false }),
    );
    return events.map(({ message = '' }) => message.trimEnd());
  } catch (error) {
    if (error instanceof Error && error.name === 'ResourceNotFoundException') return [];
    throw error;
  }
}
