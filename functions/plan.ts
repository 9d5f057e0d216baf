/** The first step of a run: what there is to do, as lists of chunks for the maps that follow. */
import { DescribeExecutionCommand, SFNClient } from '@aws-sdk/client-sfn';
import type { Context } from 'aws-lambda';
import { claimRecords } from '../src/cloud/claim.ts';
import { CONNECTION } from '../src/cloud/connection.ts';
import { checkExtension } from '../src/pipeline/extension.ts';
import { checkRejected } from '../src/pipeline/finalize.ts';
import { type PlanSettings, planDataset, type Stores } from '../src/pipeline/plan.ts';
import type { Stop } from '../src/pipeline/stop.ts';
import {
  indexOfKey,
  METADATA_KEY,
  PSD_KEY,
  PSD_PARTIAL_PREFIX,
  SHARD_RESULT_PREFIX,
  writeJson,
} from '../src/pipeline/work.ts';
import { type OpenDataset, openDataset, requireVariable, timeLimit } from './environment.ts';
import { log, logError, peakMemory } from './log.ts';

export interface RunSettings extends Omit<PlanSettings, 'dataset' | 'psdSha256'> {
  maxRejected: number;
  /** Whether a training job follows. */
  train: boolean;
}

export interface PlanAnswer {
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

const PSD_ITEMS_KEY = '_work/plan/psd-items.json';
const SHARD_ITEMS_KEY = '_work/plan/shard-items.json';

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
    const planning = await claimRecords(stores.records, execution, isRunning);
    const wanted = { ...settings, dataset };
    const left = await listLeft(stores, wanted, maxRejected, timeLimit(context)).catch(async (error) => {
      await planning.giveUp().catch((fault) => logError(fault, { dataset }));
      throw error;
    });
    await writeJson(stores.records, PSD_ITEMS_KEY, left.psdChunks);
    await writeJson(stores.records, SHARD_ITEMS_KEY, left.shards);
    log({
      dataset,
      psdChunks: left.psdChunks.length,
      shards: left.shards.length,
      peakMemoryMB: peakMemory(),
    });
    const place = `records/${dataset}`;
    return {
      psdChunks: `${place}/${PSD_ITEMS_KEY}`,
      shards: `${place}/${SHARD_ITEMS_KEY}`,
      psdChunksLeft: left.psdChunks.length,
      shardsLeft: left.shards.length,
      psdMissing: left.psdMissing,
      files: left.files,
      train,
    };
  };
}

interface Left extends Pick<PlanAnswer, 'psdMissing' | 'files'> {
  psdChunks: { index: number }[];
  shards: { index: number }[];
}

async function listLeft(
  stores: Stores,
  settings: PlanSettings,
  maxRejected: number,
  stop: Stop,
): Promise<Left> {
  const { records } = stores;
  if ((await records.head(METADATA_KEY)) !== undefined) {
    await checkExtension(stores);
    return { psdChunks: [], shards: [], psdMissing: false, files: false };
  }
  const plan = await planDataset(stores, settings, { stop });
  checkRejected(plan.rejected, plan.inputs, maxRejected, records.location);
  const psdMissing = (await records.head(PSD_KEY)) === undefined;
  return {
    psdChunks: psdMissing ? await listMissing(stores, PSD_PARTIAL_PREFIX, plan.psdChunks) : [],
    shards: await listMissing(stores, SHARD_RESULT_PREFIX, plan.shards),
    psdMissing,
    files: plan.files > (plan.inputs - plan.rejected) / 2,
  };
}

async function listMissing({ records }: Stores, prefix: string, total: number): Promise<{ index: number }[]> {
  const made = new Set<number>();
  for await (const { key } of records.list(prefix)) made.add(indexOfKey(key));
  return Array.from({ length: total }, (_, index) => ({ index })).filter(({ index }) => !made.has(index));
}

function readEnvironment(): RunSettings {
  const dtype = requireVariable('DTYPE');
  if (dtype !== 'float16' && dtype !== 'float32') throw new Error(`DTYPE is ${dtype}`);
  return {
    dtype,
    shardSize: Number(requireVariable('SHARD_SIZE')),
    psdSamples: Number(requireVariable('PSD_SAMPLES')),
    seed: Number(requireVariable('SEED')),
    maxRejected: Number(requireVariable('MAX_REJECTED')),
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
