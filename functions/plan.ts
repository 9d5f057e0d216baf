/** The first step of a run: what there is to do, as lists of chunks for the maps that follow. */

import { DescribeExecutionCommand, SFNClient } from '@aws-sdk/client-sfn';
import type { Context } from 'aws-lambda';
import { CONNECTION } from '../src/cloud/connection.ts';
import { executionLease } from '../src/cloud/execution-lease.ts';
import { BusyError, SettingError } from '../src/core/errors.ts';
import { listUnsummed } from '../src/preprocess/average-psd.ts';
import { type Plan, planDataset } from '../src/preprocess/plan/plan.ts';
import { readResults } from '../src/preprocess/shard-maker.ts';
import { acquireLease, releaseLease } from '../src/preprocess/state/lease.ts';
import type { PlanSettings } from '../src/preprocess/state/manifest.ts';
import { LostLeaseError } from '../src/preprocess/state/manifest.ts';
import { planFolder } from '../src/preprocess/state/record-keys.ts';
import { writeJson } from '../src/storage/json.ts';
import type { ObjectStore } from '../src/storage/store.ts';
import { type OpenDataset, openDataset, requireNumber, requireVariable, timeLimit } from './environment.ts';
import { log, logError, peakMemory } from './log.ts';

export interface RunSettings extends Omit<PlanSettings, 'dataset' | 'psdSha256'> {
  maxRejected: number;
  /** Whether a training job follows. */
  train: boolean;
}

export interface PlanAnswer {
  /** Whether another run works on the records; nothing else is said then. */
  busy: boolean;
  /** Id of the plan; '' when the records lack nothing. */
  id: string;
  /** Whether the plan is of an earlier run: what came since is then for a plan after it. */
  resumed: boolean;
  /** Keys in the bucket of JSON lists of {index}: what of the PSD and of the shards is not made yet. */
  psdChunks: string;
  shards: string;
  /** How much is in them. */
  psdChunksLeft: number;
  shardsLeft: number;
  /** Whether the PSD is not made yet, though all its chunks may be. */
  psdMissing: boolean;
  /** Whether most of the samples are files of their own, of which the bucket's request rate sets the pace. */
  files: boolean;
  train: boolean;
}

/** Long enough to see that a process elsewhere has not renewed its lease [ms]. */
const PATIENCE = 45_000;

export function createPlan(
  open: OpenDataset,
  readSettings: () => RunSettings,
  isRunning: (execution: string) => Promise<boolean>,
) {
  return async (
    { dataset, execution }: { dataset: string; execution: string },
    context: Pick<Context, 'getRemainingTimeInMillis'>,
  ): Promise<PlanAnswer> => {
    const { maxRejected, train, ...settings } = readSettings();
    const stores = open(dataset);
    const { records } = stores;
    const nothing = { ...(await listLeft(records, undefined)), busy: false, resumed: false, train };
    try {
      await acquireLease(records, executionLease(execution), {
        patience: PATIENCE,
        isRunning: async ({ kind, token }) => (kind === 'execution' ? isRunning(token) : undefined),
      });
    } catch (error) {
      if (!(error instanceof BusyError)) throw error;
      // An answer, since emulators don't keep the names of errors.
      log({ dataset, waits: error.message });
      return { ...nothing, busy: true };
    }
    try {
      const say = (note: string) => log({ dataset, note });
      const options = { maxRejected, stop: timeLimit(context), observer: { say } };
      const made = await planDataset(stores, { ...settings, dataset }, execution, options);
      if (made === undefined) {
        // Not by the last step alone: a second call of this one may come after it.
        await releaseLease(records, execution);
        return nothing;
      }
      const left = await listLeft(records, made);
      log({ dataset, ...left, peakMemoryMB: peakMemory() });
      return {
        ...left,
        busy: false,
        resumed: made.resumed,
        psdChunks: `records/${dataset}/${left.psdChunks}`,
        shards: `records/${dataset}/${left.shards}`,
        train,
      };
    } catch (error) {
      // Another call of this execution may be at work with it.
      if (error instanceof LostLeaseError) throw error;
      await releaseLease(records, execution).catch((fault: unknown) => logError(fault, { dataset }));
      throw error;
    }
  };
}

const toItems = (indices: number[]) => indices.map((index) => ({ index }));

/** Lists what is left of the plan, and of none that nothing is. */
async function listLeft(records: ObjectStore, made: { plan: Plan; resumed: boolean } | undefined) {
  if (made === undefined) {
    return {
      id: '',
      psdChunks: '',
      shards: '',
      psdChunksLeft: 0,
      shardsLeft: 0,
      psdMissing: false,
      files: false,
    };
  }
  const { plan, resumed } = made;
  const { id, inputs, rejected } = plan;
  const psdMissing = (await records.head(plan.psd)) === undefined;
  const psd = psdMissing ? await listUnsummed(records, plan) : [];
  const results = resumed ? await readResults(records, plan) : [];
  const shards = [...plan.shards.keys()].filter((index) => results[index] === undefined);
  const [psdChunks, shardItems] = [`${planFolder(id)}psd-items.json`, `${planFolder(id)}shard-items.json`];
  await writeJson(records, psdChunks, toItems(psd));
  await writeJson(records, shardItems, toItems(shards));
  return {
    id,
    psdChunks,
    shards: shardItems,
    psdChunksLeft: psd.length,
    shardsLeft: shards.length,
    psdMissing,
    files: plan.files > (inputs - rejected) / 2,
  };
}

function readEnvironment(): RunSettings {
  const dtype = requireVariable('DTYPE');
  if (dtype !== 'float16' && dtype !== 'float32')
    throw new SettingError(`DTYPE is ${dtype}: needed float16 or float32`);
  return {
    dtype,
    shardSize: requireNumber('SHARD_SIZE'),
    psdSamples: requireNumber('PSD_SAMPLES'),
    seed: requireNumber('SEED'),
    maxRejected: requireNumber('MAX_REJECTED'),
    train: requireVariable('TRAIN_AFTER_RUN') === 'true',
  };
}

const client = new SFNClient(CONNECTION);

async function isRunning(executionArn: string): Promise<boolean> {
  try {
    return (await client.send(new DescribeExecutionCommand({ executionArn }))).status === 'RUNNING';
  } catch (error) {
    // Forgotten by AWS after 90 days.
    if (error instanceof Error && error.name === 'ExecutionDoesNotExist') return false;
    throw error;
  }
}

export const handler = createPlan(openDataset, readEnvironment, isRunning);
