/** What serverless.yml tells the functions. */
import type { Context } from 'aws-lambda';
import { locateDataset } from '../src/cloud/dataset.ts';
import { SettingError } from '../src/core/errors.ts';
import type { Stop } from '../src/core/stop.ts';
import type { Stores } from '../src/preprocess/plan/plan.ts';
import { openStore } from '../src/storage/open.ts';

/** A variable that serverless.yml sets. Its absence is a fault of ours. */
export function requireVariable(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`the environment variable ${name} is not set`);
  return value;
}

/** A variable that is a number, whole or a share. Throws SettingError, which names it, when it is none. */
export function requireNumber(name: string): number {
  const text = requireVariable(name);
  const value = Number(text);
  if (Number.isFinite(value) && value >= 0) return value;
  throw new SettingError(
    `the environment variable ${name} is ${JSON.stringify(text)}: needed a number, 0 or more`,
  );
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
