/** Submits training jobs to AWS Batch. */
import { randomUUID } from 'node:crypto';
import { type BatchClient, SubmitJobCommand } from '@aws-sdk/client-batch';
import { ConflictError } from '../core/errors.ts';
import { readMetadataIfPresent } from '../preprocess/state/publish.ts';
import { METADATA_KEY } from '../records/metadata.ts';
import type { ObjectStore } from '../storage/store.ts';
import { locateDataset } from './dataset.ts';
import { trainingKey } from './trained.ts';

export interface TrainingPlace {
  /** A job has it as its tag: the rights to end jobs go by it. */
  stage: string;
  bucket: string;
  /** Names or ARNs. */
  queue: string;
  definition: string;
}

export interface TrainingOptions {
  /** Options of `chirpline train`, such as ['--epochs', '3']. */
  options: string[];
  /** Number of folds. Each is trained by its own job, all in one array. `options` contains the number too. */
  folds?: number;
  /** Location of the checkpoints, if not the dataset's default one. */
  checkpoints?: string;
  /** Ignores the checkpoint of an earlier job. */
  fresh?: boolean;
}

export interface TrainingRequest extends TrainingOptions {
  dataset: string;
  /** Task token of the run that waits for the job. */
  taskToken?: string;
}

export interface SubmittedJob {
  id: string;
  name: string;
}

/** The environment variable of a job that holds the task token of the run waiting for it. */
export const TASK_TOKEN = 'TASK_TOKEN';

/** The name of a dataset's jobs. Job names can't contain dots. */
export const jobNameOf = (dataset: string): string => `train-${dataset.replaceAll('.', '_')}`;

/** Throws ConflictError when the dataset has no finished records. */
export async function submitTraining(
  client: BatchClient,
  place: TrainingPlace,
  records: ObjectStore,
  { dataset, options, folds, checkpoints, fresh, taskToken }: TrainingRequest,
): Promise<SubmittedJob> {
  const locations = locateDataset(place.bucket, dataset);
  const metadata = await readMetadataIfPresent(records);
  if (metadata === undefined) {
    throw new ConflictError(
      `${records.location} has no ${METADATA_KEY}: the dataset isn't preprocessed yet. Upload it with its labels, and check chirpline status --stage ${place.stage}`,
    );
  }
  const { jobId, jobName } = await client.send(
    new SubmitJobCommand({
      jobName: jobNameOf(dataset),
      jobQueue: place.queue,
      tags: { application: 'chirpline', stage: place.stage },
      jobDefinition: place.definition,
      // The command has no reference to the first and the last: they are for the job's events.
      parameters: {
        dataset,
        records: locations.records,
        models: locations.models,
        training: trainingKey(metadata, options),
      },
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

/** A fresh job gets a new location. With the flag --fresh, each retry of the job would start over as well. */
function chooseCheckpoints(location: string, fresh = false): string {
  return fresh ? `${location.replace(/\/+$/, '')}/${randomUUID()}` : location;
}
