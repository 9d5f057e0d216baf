/** Averages the spectra of all chunks: the plan's avg_psd.npz. */
import { readPlan } from '../src/pipeline/plan.ts';
import { reducePsd } from '../src/pipeline/psd.ts';
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
