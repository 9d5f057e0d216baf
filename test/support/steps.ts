/** The steps of a plan in this thread, as the local runner and the functions call them. */

import assert from 'node:assert/strict';
import type { Observer } from '../../src/core/progress.ts';
import { reducePsd } from '../../src/preprocess/average-psd.ts';
import { createTaskRunner } from '../../src/preprocess/chunk-task.ts';
import { runPlans } from '../../src/preprocess/local-run.ts';
import { type Plan, planDataset, type Stores } from '../../src/preprocess/plan/plan.ts';
import { acquireLease, executionLease, releaseLease } from '../../src/preprocess/state/lease.ts';
import type { PlanSettings } from '../../src/preprocess/state/manifest.ts';
import { readMetadataIfPresent } from '../../src/preprocess/state/publish.ts';
import type { Metadata } from '../../src/records/metadata.ts';

export const SETTINGS: PlanSettings = {
  dataset: 'tiny',
  dtype: 'float16',
  shardSize: 8,
  psdSamples: 100,
  seed: 1,
};

/** Calls `work` under the lease of an execution of that name, and releases the lease afterwards. */
async function underLease<T>(
  { records }: Stores,
  work: (token: string) => Promise<T>,
  token = 'a run',
): Promise<T> {
  await acquireLease(records, executionLease(token), { patience: 0 });
  try {
    return await work(token);
  } finally {
    await releaseLease(records, token);
  }
}

/** Makes or resumes a plan; undefined when the records lack nothing. */
export async function makePlan(
  stores: Stores,
  settings = SETTINGS,
  maxRejected = 0.5,
  observer: Observer = {},
): Promise<Plan | undefined> {
  const options = { maxRejected, observer };
  return (await underLease(stores, (token) => planDataset(stores, settings, token, options)))?.plan;
}

/** Like makePlan, but fails when the records lack nothing. */
export async function needPlan(stores: Stores, settings = SETTINGS, maxRejected = 0.5): Promise<Plan> {
  const plan = await makePlan(stores, settings, maxRejected);
  assert.ok(plan !== undefined, 'the records lack nothing');
  return plan;
}

type Order = (indices: number[]) => number[];

/** The steps that estimate the PSD of a plan. */
export async function estimatePsd(stores: Stores, plan: Plan, order: Order = (all) => all): Promise<void> {
  const run = createTaskRunner(stores);
  for (const index of order([...Array(plan.psdChunks).keys()])) {
    await run({ step: 'psd', plan: plan.id, index });
  }
  await reducePsd(stores, plan);
}

/** All map steps one after another, in the given order, as functions in the cloud might be called. */
export async function runSteps(stores: Stores, plan: Plan, order: Order = (all) => all): Promise<void> {
  await estimatePsd(stores, plan, order);
  const run = createTaskRunner(stores);
  for (const index of order([...plan.shards.keys()])) await run({ step: 'shard', plan: plan.id, index });
}

/** A whole run: makes plans until the records lack nothing. */
export async function runWhole(stores: Stores, settings = SETTINGS, maxRejected = 0.5): Promise<Metadata> {
  const run = createTaskRunner(stores);
  await underLease(stores, (token) =>
    runPlans(stores, settings, token, { maxRejected }, (step, plan, index) => run({ step, plan, index })),
  );
  const metadata = await readMetadataIfPresent(stores.records);
  assert.ok(metadata !== undefined);
  return metadata;
}
