/** The first step of a run: makes or resumes a plan, and lists the chunks that the following maps must make. */

import { SFNClient } from '@aws-sdk/client-sfn';
import { CONNECTION } from '../src/cloud/connection.ts';
import { findExecution } from '../src/cloud/runs.ts';
import { BusyError } from '../src/core/errors.ts';
import { onOff, readVariables, type ValuesOf } from '../src/core/setting.ts';
import { listUnsummed } from '../src/preprocess/average-psd.ts';
import { type Plan, planDataset } from '../src/preprocess/plan/plan.ts';
import { PREPROCESS_SETTINGS } from '../src/preprocess/preprocess-settings.ts';
import { readResults } from '../src/preprocess/shard-maker.ts';
import { acquireLease, executionLease, releaseLease } from '../src/preprocess/state/lease.ts';
import { LostLeaseError } from '../src/preprocess/state/manifest.ts';
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
  /** Keys in the bucket of JSON lists of {index}: the chunks of the PSD and of the shards that are not made yet. */
  psdChunks: '',
  shards: '',
  /** Lengths of these lists. */
  psdChunksLeft: 0,
  shardsLeft: 0,
  /** Whether the PSD is not made yet, even if all its chunks are. */
  psdMissing: false,
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
    } catch (error) {
      if (!(error instanceof BusyError)) throw error;
      // Returned instead of thrown, since emulators don't keep the names of errors.
      log({ dataset, waits: error.message });
      return { ...nothing, busy: true };
    }
    try {
      const say = (note: string) => log({ dataset, note });
      const options = { maxRejected, stop: timeLimit(context), observer: { say } };
      const made = await planDataset(stores, { ...settings, dataset }, execution, options);
      if (made === undefined) {
        // The last step releases it too, but a second call of this step may come after that.
        await releaseLease(records, execution);
        return nothing;
      }
      const left = await listLeft(records, dataset, made);
      log({ dataset, ...left, peakMemoryMB: peakMemory() });
      return { ...nothing, ...left };
    } catch (error) {
      // Another call of this execution may hold the lease.
      if (error instanceof LostLeaseError) throw error;
      await releaseLease(records, execution).catch((fault: unknown) => logError(fault, { dataset }));
      throw error;
    }
  };
}

/** Writes lists of the chunks that are left of the plan. */
async function listLeft(
  records: ObjectStore,
  dataset: string,
  { plan, resumed }: { plan: Plan; resumed: boolean },
): Promise<Omit<PlanAnswer, 'busy' | 'trainAfterRun'>> {
  const writeList = async (name: string, indices: number[]) => {
    const key = `${planFolder(plan.id)}${name}-items.json`;
    await records.write(key, encodeJson(indices.map((index) => ({ index }))));
    return `records/${dataset}/${key}`;
  };
  const psdMissing = (await records.head(plan.psd)) === undefined;
  const psd = psdMissing ? await listUnsummed(records, plan) : [];
  const results = resumed ? await readResults(records, plan) : [];
  const shards = [...plan.shards.keys()].filter((index) => results[index] === undefined);
  return {
    id: plan.id,
    resumed,
    psdChunks: await writeList('psd', psd),
    shards: await writeList('shard', shards),
    psdChunksLeft: psd.length,
    shardsLeft: shards.length,
    psdMissing,
    files: plan.files > (plan.inputs - plan.rejected) / 2,
  };
}

const client = new SFNClient(CONNECTION);

export const handler = createPlan(
  openDataset,
  () => readVariables(SETTINGS, process.env),
  async (execution) => (await findExecution(client, execution))?.state === 'RUNNING',
);
