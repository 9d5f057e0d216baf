/** The last step of the shards: what was made becomes part of the records. */
import { finalizePlan } from '../src/pipeline/finalize.ts';
import { releaseLease } from '../src/pipeline/lease.ts';
import { publishComplete, readMetadataIfPresent } from '../src/pipeline/manifest.ts';
import { type OpenDataset, openDataset, requireNumber } from './environment.ts';

export interface FinalizeInput {
  dataset: string;
  execution: string;
  /** Id of the plan; '' when the records lacked nothing. */
  plan: string;
  /** Whether the plan is of an earlier run. */
  resumed: boolean;
}

export interface RecordsSummary {
  /** Whether another plan is to follow: the records may lack something still. */
  again: boolean;
  samples: number;
  rejected: number;
  shards: number;
}

export function createFinalize(open: OpenDataset, readMaxRejected: () => number) {
  return async ({ dataset, execution, plan, resumed }: FinalizeInput): Promise<RecordsSummary> => {
    const stores = open(dataset);
    const more = plan !== '' && (await finalizePlan(stores, plan, readMaxRejected()));
    if (plan === '') await publishComplete(stores.records);
    const again = more || resumed;
    if (!again) await releaseLease(stores.records, execution);
    const metadata = await readMetadataIfPresent(stores.records);
    const { n_samples = 0, n_failed = 0, shards = [] } = metadata ?? {};
    return { again, samples: n_samples, rejected: n_failed, shards: shards.length };
  };
}

export const handler = createFinalize(openDataset, () => requireNumber('MAX_REJECTED'));
