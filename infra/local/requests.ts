/** Schemas of the agent's requests: the parts of AWS Batch's requests that the agent uses. */
import * as v from 'valibot';

/** A response with a status of 4xx, 400 by default, as AWS returns for an invalid request. */
export class ClientError extends Error {
  readonly status: number;
  constructor(message: string, status = 400) {
    super(message);
    this.status = status;
  }
}

/** Validates the body and drops unknown keys. Throws ClientError, which names the first invalid key. */
export function checkRequest<T>(schema: v.GenericSchema<unknown, T>, body: unknown): T {
  const result = v.safeParse(schema, body, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  const place = v.getDotPath(issue) ?? 'the body';
  throw new ClientError(
    `${place}: found ${issue.received.slice(0, 100)}, needed ${issue.expected ?? issue.message}`,
  );
}

/** https://docs.aws.amazon.com/batch/latest/userguide/array_jobs.html */
const ARRAY_LIMIT = 10_000;

const name = v.pipe(v.string(), v.regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/));
const nameOrArn = v.pipe(v.string(), v.minLength(1), v.maxLength(1024));
const texts = v.record(v.string(), v.string());
const command = v.array(v.string());
const environment = v.array(v.object({ name: v.string(), value: v.optional(v.string()) }));
const retryStrategy = v.object({
  attempts: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(10))),
  evaluateOnExit: v.optional(
    v.array(
      v.object({
        onStatusReason: v.optional(v.string()),
        onReason: v.optional(v.string()),
        onExitCode: v.optional(v.string()),
        action: v.pipe(v.string(), v.toUpperCase(), v.picklist(['RETRY', 'EXIT'])),
      }),
    ),
  ),
});
const timeout = v.object({
  attemptDurationSeconds: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
});

export const createQueueRequest = v.object({ jobQueueName: name });

export const registerDefinitionRequest = v.object({
  jobDefinitionName: name,
  type: v.literal('container'),
  parameters: v.optional(texts),
  retryStrategy: v.optional(retryStrategy),
  timeout: v.optional(timeout),
  containerProperties: v.optional(
    v.object({
      image: v.optional(v.string()),
      command: v.optional(command),
      environment: v.optional(environment),
      logConfiguration: v.optional(v.object({ logDriver: v.literal('awslogs'), options: v.optional(texts) })),
    }),
  ),
});

export const submitRequest = v.object({
  jobName: name,
  jobQueue: nameOrArn,
  jobDefinition: nameOrArn,
  parameters: v.optional(texts),
  containerOverrides: v.optional(
    v.object({ command: v.optional(command), environment: v.optional(environment) }),
  ),
  arrayProperties: v.optional(
    v.object({
      size: v.optional(v.pipe(v.number(), v.integer(), v.minValue(2), v.maxValue(ARRAY_LIMIT))),
    }),
  ),
  retryStrategy: v.optional(retryStrategy),
  timeout: v.optional(timeout),
  tags: v.optional(texts),
});

export const describeJobsRequest = v.object({ jobs: v.array(v.string()) });

export const listJobsRequest = v.object({
  jobQueue: v.optional(nameOrArn),
  arrayJobId: v.optional(v.string()),
  jobStatus: v.optional(
    v.picklist(['SUBMITTED', 'PENDING', 'RUNNABLE', 'STARTING', 'RUNNING', 'SUCCEEDED', 'FAILED']),
  ),
  filters: v.optional(
    v.array(v.object({ name: v.optional(v.string()), values: v.optional(v.array(v.string())) })),
  ),
});

export const endJobRequest = v.object({ jobId: v.string(), reason: v.string() });
export const jobRequest = v.object({ jobId: v.string() });
export const emptyRequest = v.object({});
