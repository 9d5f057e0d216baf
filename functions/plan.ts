/** The first step of a run: makes or resumes a plan, and lists the chunks for the following maps. */

import { SFNClient } from '@aws-sdk/client-sfn';
import { CONNECTION } from '../src/cloud/connection.ts';
import { findExecution } from '../src/cloud/runs.ts';
import { BusyError } from '../src/core/errors.ts';
import { onOff, readVariables, type ValuesOf } from '../src/core/setting.ts';
import { type Plan, planDataset } from '../src/preprocess/plan/plan.ts';
import { PREPROCESS_SETTINGS } from '../src/preprocess/preprocess-settings.ts';
import { acquireLease, executionLease, releaseLease } from '../src/preprocess/state/lease.ts';
import { planFolder } from '../src/preprocess/state/record-keys.ts';
import { encodeJson } from '../src/storage/json.ts';
import type { ObjectStore } from '../src/storage/store.ts';
import { type OpenDataset, openDataset, type RemainingTime, timeLimit } from './environment.ts';
import { log, logError, peakMemory } from './log.ts';

const SETTINGS = { ...PREPROCESS_SETTINGS, trainAfterRun: onOff('whether a training job follows') };
export type RunSettings = ValuesOf<typeof SETTINGS>;

/** The answer when the records lack nothing. */
const NOTHING = {
  /** Whether another run is writing the records; the other fields have no meaning then. */
  busy: false,
  /** Id of the plan; '' when the records lack nothing. */
  id: '',
  /** Whether an earlier run made the plan. Objects that arrived since then need another plan. */
  resumed: false,
  /** Keys in the bucket of JSON lists of {index}: all chunks of the PSD, and all shards. One made before only costs a call. */
  psdChunks: '',
  shards: '',
  /** Whether the PSD is not made yet. */
  psdMissing: false,
  /** Length of the list of shards. */
  shardCount: 0,
  /** Whether most samples are files of their own. Then the bucket's request rate limits the speed. */
  files: false,
};
export type PlanAnswer = typeof NOTHING & Pick<RunSettings, 'trainAfterRun'>;

/** Long enough to see that a process elsewhere doesn't renew its lease [ms]. */
const PATIENCE = 45_000;

export function createPlan(
  open: OpenDataset,
  readSettings: () => RunSettings,
  isRunning: (execution: string) => Promise<boolean>,
) {
  return async (
    { dataset, execution }: { dataset: string; execution: string },
    context: RemainingTime,
  ): Promise<PlanAnswer> => {
    const { maxRejected, trainAfterRun, ...settings } = readSettings();
    const stores = open(dataset);
    const { records } = stores;
    const nothing = { ...NOTHING, trainAfterRun };
    try {
      await acquireLease(records, executionLease(execution), { patience: PATIENCE, isRunning });
      const say = (note: string) => log({ dataset, note });
      const options = { maxRejected, stop: timeLimit(context), observer: { say } };
      const made = await planDataset(stores, { ...settings, dataset }, execution, options);
      // The last step releases the lease too, but a second call of this step may come after that.
      if (made === undefined) await releaseLease(records, execution);
      const answer = { ...nothing, ...(made && (await listChunks(records, dataset, made))) };
      log({ dataset, ...answer, peakMemoryMB: peakMemory() });
      return answer;
    } catch (error) {
      if (error instanceof BusyError) {
        // Returned instead of thrown, since emulators don't keep the names of errors.
        log({ dataset, waits: error.message });
        return { ...nothing, busy: true };
      }
      await releaseLease(records, execution).catch((fault: unknown) => logError(fault, { dataset }));
      throw error;
    }
  };
}

/** Writes lists of the plan's chunks. */
async function listChunks(
  records: ObjectStore,
  dataset: string,
  { plan, resumed }: { plan: Plan; resumed: boolean },
): Promise<Partial<PlanAnswer>> {
  const writeList = async (name: string, count: number) => {
    const key = `${planFolder(plan.id)}${name}-items.json`;
    await records.write(key, encodeJson(Array.from({ length: count }, (_, index) => ({ index }))));
    return `records/${dataset}/${key}`;
  };
  return {
    id: plan.id,
    resumed,
    psdChunks: await writeList('psd', plan.psdChunks),
    shards: await writeList('shard', plan.shards.length),
    psdMissing: (await records.head(plan.psd)) === undefined,
    shardCount: plan.shards.length,
    files: plan.files > (plan.inputs - plan.rejected) / 2,
  };
}

const client = new SFNClient(CONNECTION);

export const handler = createPlan(
  openDataset,
  () => readVariables(SETTINGS, process.env),
  async (execution) => (await findExecution(client, execution))?.state === 'RUNNING',
);
