/** A training job changed its state: stores the state in the bucket, and tells the run that waits for the job. */
import type { JobDetail as DescribedJob } from '@aws-sdk/client-batch';
import { ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import type { EventBridgeEvent } from 'aws-lambda';
import { CONNECTION } from '../src/cloud/connection.ts';
import { isDatasetName } from '../src/cloud/dataset.ts';
import { readGpuQuotas } from '../src/cloud/doctor/quotas.ts';
import { isFinal, type JobState, type JobStatus, noteJobStatus } from '../src/cloud/job-status.ts';
import { TASK_TOKEN } from '../src/cloud/training-job.ts';
import { type OpenDataset, openDataset } from './environment.ts';
import { log } from './log.ts';
import { type AnswerRun, answerRun } from './waiting-run.ts';

/** Much like a job of DescribeJobs: https://docs.aws.amazon.com/batch/latest/userguide/batch_job_events.html */
export type JobDetail = Partial<DescribedJob> & { jobId: string; jobName: string; status: JobState };
export type JobEvent = Pick<EventBridgeEvent<'Batch Job State Change', JobDetail>, 'detail'>;

/** Tells people that a job, which now waits for a host, can't get one. */
export type WarnOfQuota = (job: string, vcpus: number) => Promise<void>;

export function createJob(open: OpenDataset, answerRun: AnswerRun, warnOfQuota: WarnOfQuota) {
  return async ({ detail }: JobEvent): Promise<void> => {
    const dataset = detail.parameters?.dataset ?? '';
    if (!isDatasetName(dataset)) {
      log({ job: detail.jobId, answer: 'not a job of chirpline' });
      return;
    }
    const status = readStatus(detail, dataset);
    const { models } = open(dataset);
    const latest = await noteJobStatus(models, status);
    log({ ...status, answer: latest === status ? 'noted' : 'this or a later state is known' });
    const index = detail.arrayProperties?.index;
    const vcpus = detail.container?.resourceRequirements?.find(({ type }) => type === 'VCPU')?.value;
    const { state, attempts, quotaChecked = false } = latest;
    // Once: not for each attempt, nor for each job of an array.
    if (state === 'RUNNABLE' && attempts === 0 && (index ?? 0) === 0 && vcpus && !quotaChecked) {
      await warnOfQuota(status.job, Number(vcpus));
      // After the mail: if it fails, Lambda repeats the event. If this fails, the mail comes twice, which is better than never.
      await noteJobStatus(models, { ...latest, quotaChecked: true });
    }
    // A run waits for the whole array, not for one of its jobs, which have the token too.
    if (index !== undefined) return;
    const token = detail.container?.environment?.find(({ name }) => name === TASK_TOKEN)?.value;
    if (token !== undefined && isFinal(status.state)) await answerRun(token, status);
  };
}

function readStatus(detail: JobDetail, dataset: string): JobStatus {
  const { container, arrayProperties } = detail;
  return {
    job: detail.jobId,
    name: detail.jobName,
    dataset,
    state: detail.status,
    reason: detail.statusReason,
    exitCode: container?.exitCode,
    attempts: detail.attempts?.length ?? 0,
    created: detail.createdAt,
    started: detail.startedAt,
    stopped: detail.stoppedAt,
    logStream: container?.logStreamName,
    training: detail.parameters?.training,
    folds: arrayProperties?.size,
    fold: arrayProperties?.index,
  };
}

/** AWS itself doesn't promise to tell that a job waits because of a quota, and never ends it. */
export const warnOfQuota: WarnOfQuota = async (job, vcpus) => {
  const { ALARM_TOPIC: topic, STAGE: stage } = process.env;
  // The emulated cloud has no hosts.
  if (topic === undefined) return;
  const quotas = await readGpuQuotas(new ServiceQuotasClient(CONNECTION));
  if (Math.max(quotas.spot, quotas['on demand']) >= vcpus) return;
  const Message = `Training job ${job} of stage ${stage} waits in vain: it needs ${vcpus} vCPUs, and the account's quota of GPU vCPUs is ${quotas.spot} for spot hosts, ${quotas['on demand']} on demand. chirpline doctor --stage ${stage} has the command to request more.`;
  await new SNSClient(CONNECTION).send(new PublishCommand({ TopicArn: topic, Message }));
  log({ job, answer: 'waits for a quota' });
};

export const handler = createJob(openDataset, answerRun, warnOfQuota);
