/** A job of the local agent: the details for the Batch API, and the state that the agent needs to run it. */
import type { JobDefinition, JobDetail, JobStatus, SubmitJobCommandInput } from '@aws-sdk/client-batch';

export interface Job {
  /** The output of DescribeJobs; times in milliseconds since 1970. */
  detail: Omit<JobDetail, 'startedAt'> & {
    jobId: string;
    jobName: string;
    status: JobStatus;
    attempts: NonNullable<JobDetail['attempts']>;
    startedAt?: number;
  };
  /** The running attempt. */
  running?: Attempt;
  /** The reason from TerminateJob, when the job must end. */
  terminated?: string;
  /** Ids of the child jobs of an array job. */
  children?: string[];
}

export interface Attempt {
  number: number;
  pid: number;
  log: string;
  /** File for the exit code, written when the command ends. */
  exit: string;
  /** Name of the container, if it runs in one. */
  container?: string;
  logStream: string;
  startedAt: number;
  /** Why the agent ends the attempt: a timeout, a reclaimed host, or a termination. */
  ended?: string;
  /** Time of the SIGKILL after a SIGTERM, in milliseconds since 1970. */
  killAt?: number;
}

export const isOver = ({ detail }: Job): boolean =>
  detail.status === 'SUCCEEDED' || detail.status === 'FAILED';

/** Creates the job of a submission from its definition. */
export function createJob(
  id: string,
  definition: JobDefinition,
  {
    jobName = 'job',
    jobQueue,
    parameters,
    containerOverrides = {},
    retryStrategy,
    timeout,
    tags,
  }: SubmitJobCommandInput,
  now = Date.now(),
): Job {
  const values: Record<string, string> = { ...definition.parameters, ...parameters };
  const { image, command = [], environment = [], logConfiguration } = definition.containerProperties ?? {};
  const variables = new Map(
    [...environment, ...(containerOverrides.environment ?? [])].map((entry) => [entry.name, entry]),
  );
  const strategy = retryStrategy ?? definition.retryStrategy;
  const limit = timeout ?? definition.timeout;
  return {
    detail: {
      jobId: id,
      jobArn: jobArn(id),
      jobName,
      jobQueue: queueArn(jobQueue ?? ''),
      jobDefinition: definition.jobDefinitionArn ?? '',
      status: 'SUBMITTED',
      createdAt: now,
      parameters: values,
      attempts: [],
      ...(tags !== undefined && { tags }),
      ...(strategy !== undefined && { retryStrategy: strategy }),
      ...(limit !== undefined && { timeout: limit }),
      container: {
        ...(image !== undefined && { image }),
        ...(logConfiguration !== undefined && { logConfiguration }),
        command: (containerOverrides.command ?? command).map((part) => resolveReference(part, values)),
        environment: [...variables.values()],
      },
    },
  };
}

/** https://docs.aws.amazon.com/batch/latest/userguide/job_definition_parameters.html#parameters */
function resolveReference(part: string, values: Record<string, string>): string {
  const name = part.startsWith('Ref::') ? part.slice(5) : '';
  return Object.hasOwn(values, name) ? values[name]! : part;
}

const ACCOUNT = '000000000000';
const arn = (resource: string): string => `arn:aws:batch:us-east-1:${ACCOUNT}:${resource}`;
const jobArn = (id: string): string => arn(`job/${id}`);
export const queueArn = (name: string): string => arn(`job-queue/${shortName(name)}`);
export const definitionArn = (name: string, revision: number): string =>
  arn(`job-definition/${name}:${revision}`);

/** The part of an ARN after the last slash, or the name itself. */
export function shortName(nameOrArn: string): string {
  return nameOrArn.slice(nameOrArn.lastIndexOf('/') + 1);
}

/** How an attempt failed. */
export interface Failure {
  statusReason: string;
  /** Of the container, if it didn't start. */
  reason?: string;
  /** If it did. */
  exitCode?: number;
}

/**
 * Whether a failed attempt is retried. The first matching rule decides; if no rule matches, the attempt is retried.
 * https://docs.aws.amazon.com/batch/latest/userguide/job_retries.html
 */
export function mayRetry({ detail }: Job, { statusReason, reason = '', exitCode }: Failure): boolean {
  const { attempts = 1, evaluateOnExit = [] } = detail.retryStrategy ?? {};
  if (detail.attempts.length >= attempts) return false;
  for (const { onStatusReason, onReason, onExitCode, action } of evaluateOnExit) {
    if (
      matches(onStatusReason, statusReason) &&
      matches(onReason, reason) &&
      matches(onExitCode, String(exitCode ?? ''))
    ) {
      return action?.toUpperCase() === 'RETRY';
    }
  }
  return true;
}

/** A pattern may end with an asterisk. A missing pattern matches everything. */
function matches(pattern: string | undefined, text: string): boolean {
  if (pattern === undefined) return true;
  return pattern.endsWith('*') ? text.startsWith(pattern.slice(0, -1)) : text === pattern;
}
