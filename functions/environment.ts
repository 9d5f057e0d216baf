/** What serverless.yml tells the functions. */
import type { Context } from 'aws-lambda';
import { locateDataset } from '../src/cloud/dataset.ts';
import type { Stores } from '../src/pipeline/plan.ts';
import type { Stop } from '../src/pipeline/stop.ts';
import { openStore } from '../src/storage/open.ts';

/** A variable that serverless.yml sets. Its absence is a fault of ours. */
export function requireVariable(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`the environment variable ${name} is not set`);
  return value;
}

export type OpenDataset = (dataset: string) => Stores & { models: Stores['raw'] };

const opened = new Map<string, ReturnType<OpenDataset>>();

/** The stores of a dataset in the bucket, with one connection each as long as this environment lives. */
export const openDataset: OpenDataset = (dataset) => {
  let stores = opened.get(dataset);
  if (stores === undefined) {
    const { raw, records, models } = locateDataset(requireVariable('BUCKET'), dataset);
    stores = { raw: openStore(raw), records: openStore(records), models: openStore(models) };
    opened.set(dataset, stores);
  }
  return stores;
};

/** Left for the answer and the last write [ms]. */
const MARGIN = 5_000;

/** Says to stop a little before the function's time runs out, so that it can say what is left. */
export function timeLimit(context: Pick<Context, 'getRemainingTimeInMillis'>): Stop {
  return {
    get aborted() {
      return context.getRemainingTimeInMillis() < MARGIN;
    },
  };
}
