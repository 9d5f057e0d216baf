/** A training job changed its state: stores the state in the bucket, and tells the run that waits for the job. */
import type { JobDetail as DescribedJob } from '@aws-sdk/client-batch';
import type { EventBridgeEvent } from 'aws-lambda';
import { isDatasetName } from '../src/cloud/dataset.ts';
import { isFinal, type JobState, type JobStatus, noteJobStatus } from '../src/cloud/job-status.ts';
import { TASK_TOKEN } from '../src/cloud/training-job.ts';
import { type OpenDataset, openDataset } from './environment.ts';
import { log } from './log.ts';
import { type AnswerRun, answerRun } from './waiting-run.ts';

/** Much like a job of DescribeJobs: https://docs.aws.amazon.com/batch/latest/userguide/batch_job_events.html */
export type JobDetail = Partial<DescribedJob> & { jobId: string; jobName: string; status: JobState };
export type JobEvent = Pick<EventBridgeEvent<'Batch Job State Change', JobDetail>, 'detail'>;

export function createJob(open: OpenDataset, answerRun: AnswerRun) {
  return async ({ detail }: JobEvent): Promise<void> => {
    const dataset = detail.parameters?.dataset ?? '';
    if (!isDatasetName(dataset)) {
      log({ job: detail.jobId, answer: 'not a job of chirpline' });
      return;
    }
    const status = readStatus(detail, dataset);
    const noted = await noteJobStatus(open(dataset).models, status);
    log({ ...status, answer: noted ? 'noted' : 'a later state is known' });
    // A run waits for the whole array, not for one of its jobs, which have the token too.
    if (detail.arrayProperties?.index !== undefined) return;
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

export const handler = createJob(openDataset, answerRun);
