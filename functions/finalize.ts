/** The last step of the shards: counts that must agree, then metadata.json. */
import { releaseRecords } from '../src/cloud/claim.ts';
import { finalizeRun, removeSpent } from '../src/pipeline/finalize.ts';
import type { Plan, Stores } from '../src/pipeline/plan.ts';
import { METADATA_KEY, PLAN_KEY, readJson } from '../src/pipeline/work.ts';
import { type Metadata, parseMetadata } from '../src/records/metadata.ts';
import { type OpenDataset, openDataset, requireVariable } from './environment.ts';

export interface RecordsSummary {
  samples: number;
  rejected: number;
  shards: number;
}

export function createFinalize(open: OpenDataset, readMaxRejected: () => number) {
  return async ({ dataset }: { dataset: string }): Promise<RecordsSummary> => {
    const stores = open(dataset);
    const { n_samples, n_failed, shards } = await finalize(stores, readMaxRejected());
    await releaseRecords(stores.records);
    return { samples: n_samples, rejected: n_failed, shards: shards.length };
  };
}

async function finalize(stores: Stores, maxRejected: number): Promise<Metadata> {
  const { records } = stores;
  if ((await records.head(METADATA_KEY)) === undefined) {
    return finalizeRun(stores, await readJson<Plan>(records, PLAN_KEY), maxRejected);
  }
  await removeSpent(stores);
  return parseMetadata(new TextDecoder().decode(await records.read(METADATA_KEY)), METADATA_KEY);
}

export const handler = createFinalize(openDataset, () => Number(requireVariable('MAX_REJECTED')));
