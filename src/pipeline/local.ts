/**
 * The local runner: the same steps that functions run in the cloud, spread over worker threads on one machine.
 *
 * What is finished is skipped, so that the same call goes on after a kill at any moment.
 */

import { availableParallelism } from 'node:os';
import { TooManyRejectedError } from '../errors.ts';
import type { Metadata } from '../records/metadata.ts';
import { openStore } from '../storage/open.ts';
import { createListers, type ListPart } from '../storage/parts.ts';
import { checkPresence, checkRejected, finalizeRun, removeSpent, writeRejectedSoFar } from './finalize.ts';
import { unpackListing } from './listing.ts';
import { withLock } from './lock.ts';
import { type Member, packMembers } from './members.ts';
import { type Plan, type PlanSettings, planDataset, type Stores } from './plan.ts';
import { withWorkers } from './pool.ts';
import type { Observer } from './progress.ts';
import { readPsd, reducePsd } from './psd.ts';
import type { RunTask, Task, TaskResult } from './task.ts';
import { indexOfKey, PSD_KEY, PSD_PARTIAL_PREFIX, readMetadataIfPresent } from './work.ts';

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
}

/** Runs all steps from raw samples to metadata.json. `raw` and `records` are locations, see openStore. */
export async function preprocessDataset(
  raw: string,
  records: string,
  settings: PreprocessSettings,
  observer: Observer = {},
  signal?: AbortSignal,
): Promise<Metadata> {
  const stores: Stores = { raw: await openStore(raw), records: await openStore(records) };
  const { workers = availableParallelism() } = settings;
  const work = async (runTask: RunTask): Promise<Metadata> => {
    const given = settings.psd && (await readPsd(await openStore(settings.psd.folder), settings.psd.key));
    // The threads help with a folder as soon as they have started. A bucket answers a few requests at once to this thread.
    const help: ListPart = async (prefix) => unpackListing(await runTask({ step: 'list', prefix, raw }));
    const helpers = stores.raw.folder === undefined ? 0 : workers;
    const listers = [...Array<ListPart>(helpers).fill(help), ...createListers(stores.raw)];
    const encode = (members: Member[]) => runTask({ step: 'members', ...packMembers(members) });
    const plan = await planDataset(stores, planSettings(settings, given?.sha256), {
      observer,
      listers,
      encode,
    });
    const finished = await readMetadataIfPresent(stores.records);
    if (finished !== undefined) {
      await checkPresence(stores.records, finished);
      observer.say?.(`${stores.records.location} is complete already`);
      await removeSpent(stores);
      return finished;
    }
    checkRejected(plan.rejected, plan.inputs, settings.maxRejected, stores.records.location);
    const run: RunStep = (step, index) => runTask({ step, index, raw, records });
    try {
      if (given !== undefined) await stores.records.write(PSD_KEY, given.bytes);
      else await estimatePsd(stores, plan, run, observer);
      await writeShards(stores, plan, run, settings.maxRejected, observer);
    } catch (error) {
      if (error instanceof TooManyRejectedError) await writeRejectedSoFar(stores.records);
      throw error;
    }
    return finalizeRun(stores, plan, settings.maxRejected);
  };
  // A bucket gets a shard in one, which is in memory until then.
  const tasksAtOnce = stores.records.folder === undefined ? 2 : 3;
  // The threads start while the plan is made.
  return withLock(stores.records, () =>
    withWorkers('task', { workers, tasksAtOnce, signal }, (run) => work(run as RunTask)),
  );
}

type RunStep = (step: Task['step'], index: number) => Promise<TaskResult>;

async function estimatePsd(stores: Stores, plan: Plan, run: RunStep, observer: Observer): Promise<void> {
  if ((await stores.records.head(PSD_KEY)) !== undefined) return;
  const finished = new Set<number>();
  for await (const { key } of stores.records.list(PSD_PARTIAL_PREFIX)) finished.add(indexOfKey(key));
  let done = finished.size;
  const report = () => observer.progress?.({ stage: 'psd', done, total: plan.psdChunks, unit: 'chunks' });
  report();
  const left = Array.from({ length: plan.psdChunks }, (_, index) => index).filter(
    (index) => !finished.has(index),
  );
  await Promise.all(
    left.map(async (index) => {
      await run('psd', index);
      done += 1;
      report();
    }),
  );
  await reducePsd(stores, plan);
}

async function writeShards(
  stores: Stores,
  plan: Plan,
  run: RunStep,
  maxRejected: number,
  observer: Observer,
): Promise<void> {
  let done = 0;
  let rejected = plan.rejected;
  const total = plan.inputs - plan.rejected;
  const report = () => observer.progress?.({ stage: 'preprocess', done, total, unit: 'samples' });
  report();
  await Promise.all(
    Array.from({ length: plan.shards }, async (_, index) => {
      const result = await run('shard', index);
      done += result.done + result.rejected;
      rejected += result.rejected;
      report();
      checkRejected(rejected, plan.inputs, maxRejected, stores.records.location);
    }),
  );
}

function planSettings(settings: PreprocessSettings, psdSha256: string | undefined): PlanSettings {
  const { dataset, dtype, shardSize, psdSamples, seed } = settings;
  return { dataset, dtype, shardSize, psdSamples, seed, ...(psdSha256 !== undefined && { psdSha256 }) };
}
