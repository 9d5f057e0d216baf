/**
 * The operations of AWS Batch's REST API that chirpline needs:
 * https://docs.aws.amazon.com/batch/latest/APIReference/API_Operations.html
 */
import { randomUUID } from 'node:crypto';
import type { JobDefinition } from '@aws-sdk/client-batch';
import type * as v from 'valibot';
import { createJob, definitionArn, type Job, queueArn, shortName } from './job.ts';
import type { JobStore } from './job-store.ts';
import {
  ClientError,
  checkRequest,
  createQueueRequest,
  describeJobsRequest,
  emptyRequest,
  endJobRequest,
  jobRequest,
  listJobsRequest,
  registerDefinitionRequest,
  submitRequest,
} from './requests.ts';
import type { Scheduler } from './scheduler.ts';

/** Operations by name. They take the unchecked body, and throw ClientError if it is invalid. */
export type Operations = Record<string, (body: unknown) => unknown>;

const taking =
  <T>(schema: v.GenericSchema<unknown, T>, run: (input: T) => unknown) =>
  (body: unknown) =>
    run(checkRequest(schema, body));

export function createOperations(store: JobStore, scheduler: Scheduler): Operations {
  function findDefinition(nameOrArn: string): JobDefinition {
    const [name = '', revision] = shortName(nameOrArn).split(':');
    const revisions = store.definitions.get(name);
    const found = revision === undefined ? revisions?.at(-1) : revisions?.[Number(revision) - 1];
    if (found === undefined) throw new ClientError(`JobDefinition ${nameOrArn} does not exist`);
    return found;
  }

  function requireQueue(nameOrArn: string): string {
    const name = shortName(nameOrArn);
    if (!store.queues.has(name)) throw new ClientError(`JobQueue ${nameOrArn} does not exist`);
    return queueArn(name);
  }

  function requireJob(id: string): Job {
    const job = store.jobs.get(shortName(id));
    if (job === undefined) throw new ClientError(`job ${id} does not exist`);
    return job;
  }

  function terminate({ jobId, reason }: v.InferOutput<typeof endJobRequest>) {
    scheduler.terminate(requireJob(jobId), reason);
    return {};
  }

  return {
    createjobqueue: taking(createQueueRequest, ({ jobQueueName }) => {
      store.queues.add(jobQueueName);
      store.saveSettings();
      return { jobQueueName, jobQueueArn: queueArn(jobQueueName) };
    }),
    describejobqueues: taking(emptyRequest, () => {
      const describe = (name: string) => ({
        jobQueueName: name,
        jobQueueArn: queueArn(name),
        state: 'ENABLED',
        status: 'VALID',
      });
      return { jobQueues: [...store.queues].map(describe) };
    }),
    registerjobdefinition: taking(registerDefinitionRequest, (input) => {
      const { jobDefinitionName: name } = input;
      const revisions = store.definitions.get(name) ?? [];
      const revision = revisions.length + 1;
      const jobDefinitionArn = definitionArn(name, revision);
      revisions.push({ ...input, revision, jobDefinitionArn });
      store.definitions.set(name, revisions);
      store.saveSettings();
      return { jobDefinitionName: name, jobDefinitionArn, revision };
    }),
    describejobdefinitions: taking(emptyRequest, () => ({
      jobDefinitions: [...store.definitions.values()].flat(),
    })),

    submitjob: taking(submitRequest, (input) => {
      const definition = findDefinition(input.jobDefinition);
      const jobQueue = requireQueue(input.jobQueue);
      const size = input.arrayProperties?.size;
      const id = randomUUID();
      const job = createJob(id, definition, { ...input, jobQueue });
      const children = Array.from({ length: size ?? 0 }, (_, index) => {
        const child = createJob(`${id}:${index}`, definition, { ...input, jobQueue });
        child.detail.arrayProperties = { index };
        return child;
      });
      if (size !== undefined) {
        job.detail.arrayProperties = { size };
        job.children = children.map(({ detail }) => detail.jobId);
      }
      scheduler.submit(job, children);
      return { jobId: id, jobName: job.detail.jobName, jobArn: job.detail.jobArn };
    }),
    describejobs: taking(describeJobsRequest, ({ jobs }) => ({
      jobs: jobs.flatMap((id) => store.jobs.get(shortName(id))?.detail ?? []),
    })),
    listjobs: taking(listJobsRequest, ({ jobQueue, jobStatus, arrayJobId, filters = [] }) => {
      const since = Number(filters.find(({ name }) => name === 'AFTER_CREATED_AT')?.values?.[0] ?? 0);
      // Like AWS: without a filter or a status, only running jobs.
      const status = jobStatus ?? (filters.length > 0 ? undefined : 'RUNNING');
      const queue = jobQueue === undefined ? undefined : requireQueue(jobQueue);
      const jobSummaryList = [...store.jobs.values()]
        .map(({ detail }) => detail)
        .filter(({ jobId }) =>
          arrayJobId === undefined ? !jobId.includes(':') : jobId.startsWith(`${arrayJobId}:`),
        )
        .filter((detail) => arrayJobId !== undefined || detail.jobQueue === queue)
        .filter((detail) => status === undefined || detail.status === status)
        .filter(({ createdAt }) => (createdAt ?? 0) > since)
        .map(({ jobId, jobArn, jobName, status, statusReason, createdAt }) => ({
          jobId,
          jobArn,
          jobName,
          status,
          statusReason,
          createdAt,
        }));
      return { jobSummaryList };
    }),
    terminatejob: taking(endJobRequest, terminate),
    canceljob: taking(endJobRequest, (input) => {
      // Like AWS: a started job continues.
      const { running } = requireJob(input.jobId);
      return running === undefined ? terminate(input) : {};
    }),

    /** Not an operation of AWS: it lets tests and users reclaim a host. */
    reclaimhost: taking(jobRequest, ({ jobId }) => ({ reclaimed: scheduler.reclaim(requireJob(jobId)) })),
  };
}
