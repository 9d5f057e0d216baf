/**
 * The local runner: the same steps that functions run in the cloud, spread over worker threads on one machine.
 *
 * Finished work is skipped, so the same call resumes after a kill at any moment.
 */

import { availableParallelism } from 'node:os';
import { SettingError } from '../core/errors.ts';
import { type Observer, workThrough } from '../core/progress.ts';
import type { Metadata } from '../records/metadata.ts';
import { openStore } from '../storage/open.ts';
import { withWorkers } from '../workers/pool.ts';
import { readPsd, reducePsd } from './average-psd.ts';
import type { Task, TaskResult } from './chunk-task.ts';
import { requireSpace } from './disk-space.ts';
import { finalizePlan } from './finalize.ts';
import { type Plan, type PlanOptions, planDataset, readLabels, type Stores } from './plan/plan.ts';
import type { RecordSettings } from './preprocess-settings.ts';
import { type AcquireOptions, withLease } from './state/lease.ts';
import type { PlanSettings } from './state/manifest.ts';
import { publishComplete, readMetadataIfPresent } from './state/publish.ts';

export interface PreprocessSettings extends RecordSettings {
  dataset: string;
  /** Worker threads; default: one per core. */
  workers?: number;
  /** A PSD to use instead of an estimate: the location of an avg_psd.npz. */
  psd?: { folder: string; key: string };
  /** Whether the samples are signals without noise, which get SIGNAL_RECIPE. Needs `psd`. */
  signals?: true | undefined;
  /** Whether to wait while another run writes the records. Default true. */
  wait?: boolean;
}

/** Runs all steps from raw samples to metadata.json. `raw` and `records` are locations, see openStore. */
export async function preprocessDataset(
  raw: string,
  records: string,
  settings: PreprocessSettings,
  observer: Observer = {},
  signal?: AbortSignal,
): Promise<Metadata> {
  const stores: Stores = { raw: openStore(raw), records: openStore(records) };
  const { workers = availableParallelism(), wait = true } = settings;
  // Missing labels or a broken PSD fail before anything is written.
  await readLabels(stores.raw);
  const given = settings.psd && (await readPsd(openStore(settings.psd.folder), settings.psd.key));
  const options: PlanOptions = { psd: given?.bytes, maxRejected: settings.maxRejected, observer };
  // While one shard waits for the disk, another computes. A shard for a bucket is in memory until it is sent as a whole.
  const tasksAtOnce = stores.records.folder === undefined ? 2 : 3;
  const lease: AcquireOptions = { observer, signal, ...(!wait && { patience: 0 }) };
  // The threads start while the plan is being made.
  return withLease(stores.records, lease, (token, stop) =>
    withWorkers<Task, TaskResult, Metadata>(
      'preprocess-task',
      { workers, tasksAtOnce, signal: stop },
      async (runTask) => {
        const run: RunStep = (step, plan, index) => runTask({ step, plan, index, raw, records });
        await runPlans(stores, planSettings(settings, given?.sha256), token, options, run);
        return (await readMetadataIfPresent(stores.records))!;
      },
    ),
  );
}

export type RunStep = (step: Task['step'], plan: string, index: number) => Promise<TaskResult>;

/** Makes and finishes plans until the records lack nothing. The caller holds the lease with this `token`. */
export async function runPlans(
  stores: Stores,
  settings: PlanSettings,
  token: string,
  options: PlanOptions,
  run: RunStep,
): Promise<void> {
  const { records } = stores;
  const { observer = {}, maxRejected } = options;
  for (let again = true, first = true; again; first = false) {
    const made = await planDataset(stores, settings, token, options);
    if (made === undefined) {
      await publishComplete(records);
      if (first) observer.say?.(`${records.location} is already complete`);
      return;
    }
    const { plan, resumed } = made;
    await requireSpace(records, plan);
    await estimatePsd(stores, plan, run, observer);
    await writeShards(plan, run, observer);
    const finished = await finalizePlan(stores, plan.id, maxRejected);
    again = finished.again || resumed;
  }
}

async function estimatePsd(stores: Stores, plan: Plan, run: RunStep, observer: Observer): Promise<void> {
  if ((await stores.records.head(plan.psd)) !== undefined) return;
  const start = { stage: 'psd', done: 0, total: plan.psdChunks, unit: 'chunks' };
  await workThrough([...Array(plan.psdChunks).keys()], start, observer, async (index) => {
    await run('psd', plan.id, index);
    return 1;
  });
  await reducePsd(stores, plan);
}

async function writeShards(plan: Plan, run: RunStep, observer: Observer): Promise<void> {
  const start = { stage: 'preprocess', done: 0, total: plan.inputs - plan.rejected, unit: 'samples' };
  await workThrough([...plan.shards.keys()], start, observer, async (index) => {
    const { done, rejected } = await run('shard', plan.id, index);
    return done + rejected;
  });
}

function planSettings(settings: PreprocessSettings, psdSha256: string | undefined): PlanSettings {
  const { dataset, dtype, shardSize, psdSamples, seed, signals } = settings;
  if (signals && psdSha256 === undefined)
    throw new SettingError(
      '--signals without --psd: signals need the PSD of the noise that they will be injected into',
    );
  return {
    ...{ dataset, dtype, shardSize, psdSamples, seed },
    ...(psdSha256 !== undefined && { psdSha256 }),
    ...(signals && { signals }),
  };
}
