/** Training jobs in AWS Batch: how they are submitted, and how their states read. */
import { randomUUID } from 'node:crypto';
import { type BatchClient, SubmitJobCommand } from '@aws-sdk/client-batch';
import { ConflictError } from '../core/errors.ts';
import { METADATA_KEY } from '../records/metadata.ts';
import type { ObjectStore } from '../storage/store.ts';
import { locateDataset } from './dataset.ts';

export interface TrainingPlace {
  bucket: string;
  /** Names or ARNs. */
  queue: string;
  definition: string;
}

export interface TrainingOptions {
  /** Of `chirpline train`, such as ['--epochs', '3']. */
  options: string[];
  /** Each of so many folds is trained by a job of its own, all of them in one array. `options` name the number too. */
  folds?: number;
  /** Location of the checkpoints, where it isn't the dataset's own place for them. */
  checkpoints?: string;
  /** Starts over though there is a checkpoint of an earlier job. */
  fresh?: boolean;
}

export interface TrainingRequest extends TrainingOptions {
  dataset: string;
  /** Of the run that waits for the job. */
  taskToken?: string;
}

export interface SubmittedJob {
  id: string;
  name: string;
}

/** The variable in a job's environment that holds the token of the run waiting for it. */
export const TASK_TOKEN = 'TASK_TOKEN';

/** What a dataset's jobs are called. Dots can't be in a job's name. */
export const jobNameOf = (dataset: string): string => `train-${dataset.replaceAll('.', '_')}`;

/** Throws ConflictError when the dataset has no finished records. */
export async function submitTraining(
  client: BatchClient,
  place: TrainingPlace,
  records: ObjectStore,
  { dataset, options, folds, checkpoints, fresh, taskToken }: TrainingRequest,
): Promise<SubmittedJob> {
  const locations = locateDataset(place.bucket, dataset);
  if ((await records.head(METADATA_KEY)) === undefined) {
    throw new ConflictError(
      `${records.location} has no ${METADATA_KEY}: the dataset isn't preprocessed yet. Upload it with its labels, and look at chirpline status.`,
    );
  }
  const { jobId, jobName } = await client.send(
    new SubmitJobCommand({
      jobName: jobNameOf(dataset),
      jobQueue: place.queue,
      jobDefinition: place.definition,
      parameters: { dataset, records: locations.records, models: locations.models },
      ...(folds !== undefined && { arrayProperties: { size: folds } }),
      containerOverrides: {
        command: [
          ...['chirpline', 'train', locations.records, locations.models],
          ...['--checkpoints', chooseCheckpoints(checkpoints ?? locations.checkpoints, fresh)],
          ...options,
        ],
        ...(taskToken !== undefined && { environment: [{ name: TASK_TOKEN, value: taskToken }] }),
      },
    }),
  );
  return { id: jobId ?? '', name: jobName ?? '' };
}

/** A job that starts over has a place of its own: the flag itself would make each of its attempts start over. */
function chooseCheckpoints(location: string, fresh = false): string {
  return fresh ? `${location.replace(/\/+$/, '')}/${randomUUID()}` : location;
}
