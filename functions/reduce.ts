/** Averages the spectra of all chunks into the plan's avg_psd.npz. */

import { reducePsd } from '../src/preprocess/average-psd.ts';
import { readPlan } from '../src/preprocess/plan/plan.ts';
import { type OpenDataset, openDataset } from './environment.ts';

export function createReduce(open: OpenDataset) {
  return async ({ dataset, plan: id }: { dataset: string; plan: string }): Promise<{ done: number }> => {
    const stores = open(dataset);
    const plan = await readPlan(stores.records, id);
    await reducePsd(stores, plan);
    return { done: plan.psdChunks };
  };
}

export const handler = createReduce(openDataset);
