/** A raw object was uploaded: makes a shard from it if its dataset's run has ended, or reports what it waits for. */
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { memoize } from '../src/core/memoize.ts';
import { createLateObjects } from '../src/preprocess/late.ts';
import { type OpenDataset, openDataset, type RemainingTime, timeLimit } from './environment.ts';
import { peakMemory } from './log.ts';
import { forEachUpload } from './uploads.ts';

export function createIngest(open: OpenDataset) {
  const lateOf = memoize((dataset) => createLateObjects(open(dataset)));
  return (event: SQSEvent, context: RemainingTime): Promise<SQSBatchResponse> => {
    // Once for all events of this call, since their objects existed before it.
    const viewOf = memoize((dataset) => lateOf(dataset).look());
    return forEachUpload(event, async ({ dataset, key }) => {
      const started = performance.now();
      const answer = await lateOf(dataset).take(key, await viewOf(dataset), timeLimit(context));
      return { ...answer, ms: Math.round(performance.now() - started), peakMemoryMB: peakMemory() };
    });
  };
}

export const handler = createIngest(openDataset);
