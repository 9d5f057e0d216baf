/** The last step of a plan: its shards become part of the records. */
import { readVariables } from '../src/core/setting.ts';
import { finalizePlan } from '../src/preprocess/finalize.ts';
import { PREPROCESS_SETTINGS } from '../src/preprocess/preprocess-settings.ts';
import { releaseLease } from '../src/preprocess/state/lease.ts';
import { countRecords } from '../src/preprocess/state/manifest.ts';
import { publishComplete } from '../src/preprocess/state/publish.ts';
import { type OpenDataset, openDataset } from './environment.ts';

export interface FinalizeInput {
  dataset: string;
  execution: string;
  /** Id of the plan; '' when the records lacked nothing. */
  plan: string;
  /** Whether an earlier run made the plan. */
  resumed: boolean;
}

export interface RecordsSummary {
  /** Whether another plan should follow: the records may still lack something. */
  again: boolean;
  samples: number;
  rejected: number;
  shards: number;
}

export function createFinalize(open: OpenDataset, readMaxRejected: () => number) {
  return async ({ dataset, execution, plan, resumed }: FinalizeInput): Promise<RecordsSummary> => {
    const stores = open(dataset);
    const { content, again } =
      plan === ''
        ? { content: await publishComplete(stores.records), again: false }
        : await finalizePlan(stores, plan, readMaxRejected());
    if (!again && !resumed) await releaseLease(stores.records, execution);
    const { rejected = [], shards = [] } = content ?? {};
    return {
      again: again || resumed,
      samples: countRecords(content),
      rejected: rejected.length,
      shards: shards.length,
    };
  };
}

const { maxRejected } = PREPROCESS_SETTINGS;

export const handler = createFinalize(
  openDataset,
  () => readVariables({ maxRejected }, process.env).maxRejected,
);
