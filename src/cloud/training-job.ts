/** Training jobs in AWS Batch: how they are submitted, and how their states read. */
import { type BatchClient, SubmitJobCommand } from '@aws-sdk/client-batch';
import { ConflictError } from '../errors.ts';
import { METADATA_KEY } from '../pipeline/work.ts';
import type { ObjectStore } from '../storage/store.ts';
import { locateDataset } from './dataset.ts';

export interface TrainingPlace {
  bucket: string;
  /** Names or ARNs. */
  queue: string;
  definition: string;
}

export interface TrainingRequest {
  dataset: string;
  /** Of `chirpline train`, such as ['--epochs', '3']. */
  options: string[];
  /** Of the run that waits for the job. */
  taskToken?: string;
}

export interface SubmittedJob {
  id: string;
  name: string;
}

/** The variable in a job's environment that holds the token of the run waiting for it. */
export const TASK_TOKEN = 'TASK_TOKEN';

/** Throws ConflictError when the dataset has no finished records. */
export async function submitTraining(
  client: BatchClient,
  place: TrainingPlace,
  records: ObjectStore,
  { dataset, options, taskToken }: TrainingRequest,
): Promise<SubmittedJob> {
  const locations = locateDataset(place.bucket, dataset);
  if ((await records.head(METADATA_KEY)) === undefined) {
    throw new ConflictError(
      `${records.location} has no ${METADATA_KEY}: the dataset isn't preprocessed yet. Upload it with its labels, and look at chirpline status.`,
    );
  }
  const { jobId, jobName } = await client.send(
    new SubmitJobCommand({
      // Dots can't be in a job's name.
      jobName: `train-${dataset.replaceAll('.', '_')}`,
      jobQueue: place.queue,
      jobDefinition: place.definition,
      parameters: { dataset, records: locations.records, models: locations.models },
      containerOverrides: {
        command: ['chirpline', 'train', locations.records, locations.models, ...options],
        ...(taskToken !== undefined && { environment: [{ name: TASK_TOKEN, value: taskToken }] }),
      },
    }),
  );
  return { id: jobId ?? '', name: jobName ?? '' };
}
