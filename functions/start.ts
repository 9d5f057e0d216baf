/**
 * The labels of a dataset, the last object of an upload, have arrived: starts the run. Skips files of that name in subfolders,
 * which S3's filter lets through: they are copies.
 */
import { SFNClient } from '@aws-sdk/client-sfn';
import type { SQSEvent, SQSHandler } from 'aws-lambda';
import { CONNECTION } from '../src/cloud/connection.ts';
import { executionName, startExecution } from '../src/cloud/executions.ts';
import { LABELS_KEY } from '../src/raw/labels.ts';
import { requireVariable } from './environment.ts';
import { forEachUpload } from './uploads.ts';

export function createStart(start: (name: string, input: { dataset: string }) => Promise<boolean>) {
  return (events: SQSEvent) =>
    forEachUpload(events, async ({ dataset, key, event }) => {
      if (key !== LABELS_KEY) return { answer: 'skipped', reason: `not raw/${dataset}/${LABELS_KEY}` };
      // The same in every delivery of one event, and different for every upload: one run per upload.
      const name = executionName(dataset, event);
      const started = await start(name, { dataset });
      return { answer: started ? 'started' : 'started before', execution: name };
    });
}

const client = new SFNClient(CONNECTION);

export const handler: SQSHandler = createStart((name, input) =>
  startExecution(client, requireVariable('STATE_MACHINE_ARN'), name, input),
);
