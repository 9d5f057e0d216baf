/** Submits a training job: as the last step of a run, which waits for it, or invoked with {dataset, options}. */
import { BatchClient } from '@aws-sdk/client-batch';
import { type SubmittedJob, submitTraining } from '../src/cloud/training-job.ts';
import { type OpenDataset, openDataset, requireVariable } from './environment.ts';
import { log } from './log.ts';

export interface TrainInput {
  dataset: string;
  /** Options of `chirpline train`; those of the stage by default. */
  options?: string[];
  taskToken?: string;
}

export function createTrain(open: OpenDataset, client: BatchClient) {
  return async ({ dataset, options, taskToken }: TrainInput): Promise<SubmittedJob> => {
    const place = {
      bucket: requireVariable('BUCKET'),
      queue: requireVariable('JOB_QUEUE'),
      definition: requireVariable('JOB_DEFINITION'),
    };
    const job = await submitTraining(client, place, open(dataset).records, {
      dataset,
      options: options ?? requireVariable('TRAIN_OPTIONS').split(/\s+/),
      ...(taskToken !== undefined && { taskToken }),
    });
    log({ dataset, job: job.id });
    return job;
  };
}

export const handler = createTrain(openDataset, new BatchClient({}));
