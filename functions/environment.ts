/** The functions' environment: variables from serverless.yml, stores, remaining time. */
import type { Context } from 'aws-lambda';
import { locateDataset } from '../src/cloud/dataset.ts';
import { memoize } from '../src/core/memoize.ts';
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

/** The stores of a dataset in the bucket. They and their connections are kept as long as this environment lives. */
export const openDataset: OpenDataset = memoize((dataset) => {
  const { raw, records, models } = locateDataset(requireVariable('BUCKET'), dataset);
  return { raw: openStore(raw), records: openStore(records), models: openStore(models) };
});

/** Time reserved for the answer and the last write [ms]. */
const MARGIN = 5_000;

export type RemainingTime = Pick<Context, 'getRemainingTimeInMillis'>;

/** Stops a little before the function's time runs out, so that the function can report what is left. */
export function timeLimit(context: RemainingTime): Stop {
  return {
    get aborted() {
      return context.getRemainingTimeInMillis() < MARGIN;
    },
  };
}
