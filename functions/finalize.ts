/** The last step of the shards: what was made becomes part of the records. */
import { finalizePlan } from '../src/preprocess/finalize.ts';
import { releaseLease } from '../src/preprocess/state/lease.ts';
import { type Content, countRecords } from '../src/preprocess/state/manifest.ts';
import { publishComplete } from '../src/preprocess/state/publish.ts';
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
    if (plan === '') {
      const content = await publishComplete(stores.records);
      await releaseLease(stores.records, execution);
      return summarize(content, false);
    }
    const { content, again } = await finalizePlan(stores, plan, readMaxRejected());
    if (!again && !resumed) await releaseLease(stores.records, execution);
    return summarize(content, again || resumed);
  };
}

function summarize(content: Content | undefined, again: boolean): RecordsSummary {
  const { rejected = [], shards = [] } = content ?? {};
  return { again, samples: countRecords(content), rejected: rejected.length, shards: shards.length };
}

export const handler = createFinalize(openDataset, () => requireNumber('MAX_REJECTED'));
