/**
 * Submits a training job: as the last step of a run, which waits for it, or invoked with {dataset, options}. A run trains once on
 * the same records with the same options.
 */
import { BatchClient } from '@aws-sdk/client-batch';
import { ECRClient } from '@aws-sdk/client-ecr';
import { CONNECTION } from '../src/cloud/connection.ts';
import { requireImage } from '../src/cloud/image.ts';
import { findJob } from '../src/cloud/jobs.ts';
import { findTraining } from '../src/cloud/trained.ts';
import { jobNameOf, type SubmittedJob, submitTraining } from '../src/cloud/training-job.ts';
import { SettingError } from '../src/core/errors.ts';
import { parseJobOptions } from '../src/options/job-options.ts';
import { type OpenDataset, openDataset, requireVariable } from './environment.ts';
import { log } from './log.ts';
import { type AnswerRun, answerRun } from './waiting-run.ts';

export interface TrainInput {
  dataset: string;
  /** Options of `chirpline submit`; default: those of the stage. */
  options?: string[];
  taskToken?: string;
}

export function createTrain(open: OpenDataset, client: BatchClient, registry: ECRClient, answer: AnswerRun) {
  return async ({ dataset, options, taskToken }: TrainInput): Promise<SubmittedJob> => {
    const place = {
      stage: requireVariable('STAGE'),
      bucket: requireVariable('BUCKET'),
      queue: requireVariable('JOB_QUEUE'),
      definition: requireVariable('JOB_DEFINITION'),
    };
    const training = await parseJobOptions(readWords(options));
    const { records, models } = open(dataset);
    if (taskToken !== undefined) {
      // An upload that is repeated starts a run that finds nothing to do.
      const readState = async (id: string) => (await findJob(client, id))?.state;
      const job = await findTraining(records, models, training.options, readState);
      if (job !== undefined) {
        log({
          dataset,
          job,
          note: 'has trained on these records, or does so now: no other job is submitted',
        });
        await answer(taskToken, { job, state: 'SUCCEEDED' });
        return { id: job, name: jobNameOf(dataset) };
      }
    }
    const { IMAGE } = process.env;
    if (IMAGE !== undefined) await requireImage(registry, IMAGE, place.stage);
    const job = await submitTraining(client, place, records, {
      ...training,
      dataset,
      ...(taskToken !== undefined && { taskToken }),
    });
    log({ dataset, job: job.id });
    return job;
  };
}

/** The event's options, or else the stage's, split at spaces. Throws SettingError if the event's are not a list of strings. */
function readWords(options: unknown): string[] {
  if (options === undefined) {
    return requireVariable('TRAIN_OPTIONS')
      .split(/\s+/)
      .filter((word) => word !== '');
  }
  if (Array.isArray(options) && options.every((word) => typeof word === 'string')) return options;
  throw new SettingError(`options are ${JSON.stringify(options)}: needed a list such as ["--epochs", "10"]`);
}

export const handler = createTrain(
  openDataset,
  new BatchClient(CONNECTION),
  new ECRClient(CONNECTION),
  answerRun,
);
