/** A job as the local agent keeps it: what the Batch API tells of it, and what the agent needs to go on with it. */
import type { JobDefinition, JobDetail, JobStatus, SubmitJobCommandInput } from '@aws-sdk/client-batch';

export interface Job {
  /** As DescribeJobs returns it; times in milliseconds since 1970. */
  detail: Omit<JobDetail, 'startedAt'> & {
    jobId: string;
    jobName: string;
    status: JobStatus;
    attempts: NonNullable<JobDetail['attempts']>;
    startedAt?: number;
  };
  /** Of the attempt that runs. */
  running?: Attempt;
  /** Set when the job is to end, with the reason that somebody gave. */
  terminated?: string;
  /** Ids of the children of an array job. */
  children?: string[];
}

export interface Attempt {
  number: number;
  pid: number;
  log: string;
  /** Gets the exit code when the command has ended. */
  exit: string;
  /** Container's name, where there is one. */
  container?: string;
  logStream: string;
  startedAt: number;
  /** Why the agent itself ends the attempt: a time-out, or a reclaimed host. */
  ended?: string;
  /** When SIGTERM is followed by SIGKILL, milliseconds since 1970. */
  killAt?: number;
}

export const isOver = ({ detail }: Job): boolean =>
  detail.status === 'SUCCEEDED' || detail.status === 'FAILED';

/** The job that a submission makes of a definition. */
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

/** What stands behind the last slash of an ARN, or the name itself. */
export function shortName(nameOrArn: string): string {
  return nameOrArn.slice(nameOrArn.lastIndexOf('/') + 1);
}

/**
 * Whether a failed attempt is tried again: the first matching rule decides, and without one every failure is.
 * https://docs.aws.amazon.com/batch/latest/userguide/job_retries.html
 */
export function mayRetry({ detail }: Job, exitCode: number, statusReason: string): boolean {
  const { attempts = 1, evaluateOnExit = [] } = detail.retryStrategy ?? {};
  if (detail.attempts.length >= attempts) return false;
  for (const { onStatusReason, onReason, onExitCode, action } of evaluateOnExit) {
    if (
      matches(onStatusReason, statusReason) &&
      matches(onReason, '') &&
      matches(onExitCode, String(exitCode))
    ) {
      return action?.toUpperCase() === 'RETRY';
    }
  }
  return true;
}

/** Patterns may end with an asterisk; one that isn't given matches everything. */
function matches(pattern: string | undefined, text: string): boolean {
  if (pattern === undefined) return true;
  return pattern.endsWith('*') ? text.startsWith(pattern.slice(0, -1)) : text === pattern;
}
