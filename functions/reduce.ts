/** Averages the spectra of all chunks: avg_psd.npz. */
import type { Plan } from '../src/pipeline/plan.ts';
import { reducePsd } from '../src/pipeline/psd.ts';
import { PLAN_KEY, readJson } from '../src/pipeline/work.ts';
import { type OpenDataset, openDataset } from './environment.ts';

export function createReduce(open: OpenDataset) {
  return async ({ dataset }: { dataset: string }): Promise<{ done: number }> => {
    const stores = open(dataset);
    const plan = await readJson<Plan>(stores.records, PLAN_KEY);
    await reducePsd(stores, plan);
    return { done: plan.psdChunks };
  };
}

export const handler = createReduce(openDataset);
