/** The functions' environment: variables from serverless.yml, stores, remaining time. */
import type { Context } from 'aws-lambda';
import { locateDataset } from '../src/cloud/dataset.ts';
import type { Stop } from '../src/core/stop.ts';
import type { Stores } from '../src/preprocess/plan/plan.ts';
import { openStore } from '../src/storage/open.ts';

/** A variable that serverless.yml sets. A missing one is a bug. */
export function requireVariable(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`the environment variable ${name} is not set`);
  return value;
}

export type OpenDataset = (dataset: string) => Stores & { models: Stores['raw'] };

const opened = new Map<string, ReturnType<OpenDataset>>();

/** The stores of a dataset in the bucket. They and their connections are kept as long as this environment lives. */
export const openDataset: OpenDataset = (dataset) => {
  let stores = opened.get(dataset);
  if (stores === undefined) {
    const { raw, records, models } = locateDataset(requireVariable('BUCKET'), dataset);
    stores = { raw: openStore(raw), records: openStore(records), models: openStore(models) };
    opened.set(dataset, stores);
  }
  return stores;
};

/** Time reserved for the answer and the last write [ms]. */
const MARGIN = 5_000;

/** Stops a little before the function's time runs out, so that the function can report what is left. */
export function timeLimit(context: Pick<Context, 'getRemainingTimeInMillis'>): Stop {
  return {
    get aborted() {
      return context.getRemainingTimeInMillis() < MARGIN;
    },
  };
}
