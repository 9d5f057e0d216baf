/** A raw object was uploaded: makes a shard from it if its dataset's run has ended, or reports what it waits for. */
import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { createLateObjects, type LateObjects, type View } from '../src/preprocess/late.ts';
import { forEachUpload } from './batch.ts';
import { type OpenDataset, openDataset, timeLimit } from './environment.ts';
import { peakMemory } from './log.ts';

/** Thrown so that SQS delivers the message again later; after the last delivery it is a dead letter. */
class WaitingError extends Error {
  override name = 'WaitingError';
}

export function createIngest(open: OpenDataset) {
  const datasets = new Map<string, LateObjects>();
  return (event: SQSEvent, context: Pick<Context, 'getRemainingTimeInMillis'>): Promise<SQSBatchResponse> => {
    const stop = timeLimit(context);
    const views = new Map<string, View>();
    return forEachUpload(event, async ({ dataset, key }) => {
      const started = performance.now();
      const late = datasets.get(dataset) ?? createLateObjects(open(dataset));
      datasets.set(dataset, late);
      // Once for all events of this call, since their objects existed before it.
      const view = views.get(dataset) ?? (await late.look());
      views.set(dataset, view);
      const answer = await late.take(key, view, stop);
      if (answer.answer === 'waiting' && answer.again) {
        throw new WaitingError(`${dataset}/${key} waits ${answer.reason}`);
      }
      return { ...answer, ms: Math.round(performance.now() - started), peakMemoryMB: peakMemory() };
    });
  };
}

export const handler = createIngest(openDataset);
