/** A raw object was uploaded: makes a shard of it if its dataset's run has ended, or says what it waits for. */
import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { isPlanning } from '../src/cloud/claim.ts';
import { type Adder, createAdder, type View } from '../src/pipeline/added.ts';
import { forEachUpload } from './batch.ts';
import { type OpenDataset, openDataset, timeLimit } from './environment.ts';
import { peakMemory } from './log.ts';

/** Thrown to have a message delivered again later; after its last delivery it is a dead letter. */
class WaitingError extends Error {
  override name = 'WaitingError';
}

export function createIngest(open: OpenDataset) {
  const adders = new Map<string, Adder>();
  return (event: SQSEvent, context: Pick<Context, 'getRemainingTimeInMillis'>): Promise<SQSBatchResponse> => {
    const stop = timeLimit(context);
    const views = new Map<string, View>();
    return forEachUpload(event, async ({ dataset, key }) => {
      const started = performance.now();
      let adder = adders.get(dataset);
      if (adder === undefined) {
        const stores = open(dataset);
        adder = createAdder(stores, () => isPlanning(stores.records));
        adders.set(dataset, adder);
      }
      // Once for all events of this call: their objects were there before it.
      const view = views.get(dataset) ?? (await adder.look());
      views.set(dataset, view);
      const answer = await adder.add(key, view, stop);
      if (answer.answer === 'waiting' && answer.again) {
        throw new WaitingError(`${dataset}/${key} waits ${answer.reason}`);
      }
      return { ...answer, ms: Math.round(performance.now() - started), peakMemoryMB: peakMemory() };
    });
  };
}

export const handler = createIngest(openDataset);
