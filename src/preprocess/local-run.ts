/**
 * The local runner: the same steps that functions run in the cloud, spread over worker threads on one machine.
 *
 * What is finished is skipped, so that the same call resumes after a kill at any moment.
 */

import { availableParallelism } from 'node:os';
import type { Observer } from '../core/progress.ts';
import type { Metadata } from '../records/metadata.ts';
import { openStore } from '../storage/open.ts';
import { unpackListing } from '../storage/packed-listing.ts';
import { createListers, type ListPart } from '../storage/parallel-listing.ts';
import { withWorkers } from '../workers/pool.ts';
import { listUnsummed, readPsd, reducePsd } from './average-psd.ts';
import type { RunTask, Task, TaskResult } from './chunk-task.ts';
import { finalizePlan } from './finalize.ts';
import { type Plan, type PlanOptions, planDataset, readLabels, type Stores } from './plan/plan.ts';
import { type AcquireOptions, withLease } from './state/lease.ts';
import type { PlanSettings } from './state/manifest.ts';
import { publishComplete, readMetadataIfPresent } from './state/publish.ts';

export interface PreprocessSettings {
  dataset: string;
  dtype: 'float16' | 'float32';
  shardSize: number;
  psdSamples: number;
  seed: number;
  /** Worker threads; by default one a core. */
  workers?: number;
  /** Tolerated share of rejected inputs, 0 ... 1. */
  maxRejected: number;
  /** A PSD to use in place of an estimate: a location of an avg_psd.npz. */
  psd?: { folder: string; key: string };
  /** Whether to wait while another run works on the records. Default true. */
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
  // Before anything is written.
  await readLabels(stores.raw);
  const given = settings.psd && (await readPsd(openStore(settings.psd.folder), settings.psd.key));
  const work = async (runTask: RunTask, token: string): Promise<Metadata> => {
    // The threads help with a folder as soon as they have started. A bucket answers a few requests at once to this thread.
    const help: ListPart = async (prefix) => unpackListing(await runTask({ step: 'list', prefix, raw }));
    const helpers = stores.raw.folder === undefined ? 0 : workers;
    await runPlans(
      stores,
      planSettings(settings, given?.sha256),
      token,
      {
        psd: given?.bytes,
        maxRejected: settings.maxRejected,
        observer,
        listers: [...Array<ListPart>(helpers).fill(help), ...createListers(stores.raw)],
      },
      (step, plan, index) => runTask({ step, plan, index, raw, records }),
    );
    return (await readMetadataIfPresent(stores.records))!;
  };
  // A bucket gets a shard in one, which is in memory until then.
  const tasksAtOnce = stores.records.folder === undefined ? 2 : 3;
  const lease: AcquireOptions = { observer, signal, ...(!wait && { patience: 0 }) };
  // The threads start while the plan is made.
  return withLease(stores.records, lease, (token, stop) =>
    withWorkers('preprocess-task', { workers, tasksAtOnce, signal: stop }, (run) =>
      work(run as RunTask, token),
    ),
  );
}

export type RunStep = (step: Task['step'], plan: string, index: number) => Promise<TaskResult>;

/** Makes what the records lack, until they lack nothing. The caller holds the lease of that token. */
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
      if (first) observer.say?.(`${records.location} is complete already`);
      return;
    }
    const { plan, resumed } = made;
    await estimatePsd(stores, plan, run, observer);
    await writeShards(plan, run, observer);
    const finished = await finalizePlan(stores, plan.id, maxRejected);
    again = finished.again || resumed;
  }
}

async function estimatePsd(stores: Stores, plan: Plan, run: RunStep, observer: Observer): Promise<void> {
  if ((await stores.records.head(plan.psd)) !== undefined) return;
  const left = await listUnsummed(stores.records, plan);
  let done = plan.psdChunks - left.length;
  const report = () => observer.progress?.({ stage: 'psd', done, total: plan.psdChunks, unit: 'chunks' });
  report();
  await Promise.all(
    left.map(async (index) => {
      await run('psd', plan.id, index);
      done += 1;
      report();
    }),
  );
  await reducePsd(stores, plan);
}

async function writeShards(plan: Plan, run: RunStep, observer: Observer): Promise<void> {
  let done = 0;
  const total = plan.inputs - plan.rejected;
  const report = () => observer.progress?.({ stage: 'preprocess', done, total, unit: 'samples' });
  report();
  await Promise.all(
    plan.shards.map(async (_, index) => {
      const result = await run('shard', plan.id, index);
      done += result.done + result.rejected;
      report();
    }),
  );
}

function planSettings(settings: PreprocessSettings, psdSha256: string | undefined): PlanSettings {
  const { dataset, dtype, shardSize, psdSamples, seed } = settings;
  return { dataset, dtype, shardSize, psdSamples, seed, ...(psdSha256 !== undefined && { psdSha256 }) };
}
