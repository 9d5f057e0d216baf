/** The map steps: one chunk of a dataset's plan. */

import { memoize } from '../src/core/memoize.ts';
import { createTaskRunner, type Task, type TaskResult } from '../src/preprocess/chunk-task.ts';
import { keepLease } from '../src/preprocess/state/lease.ts';
import { requirePlan } from '../src/preprocess/state/manifest.ts';
import { type OpenDataset, openDataset, type RemainingTime, timeLimit } from './environment.ts';
import { log, peakMemory } from './log.ts';

export interface ChunkInput {
  dataset: string;
  /** Id of the plan. */
  plan: string;
  index: number;
}

/** An environment serves many chunks of one plan, so it keeps the plan and the tables made from its PSD. */
export function createChunk(step: Task['step'], open: OpenDataset) {
  const runnerOf = memoize((dataset) => createTaskRunner(open(dataset)));
  return async ({ dataset, plan, index }: ChunkInput, context: RemainingTime): Promise<TaskResult> => {
    const started = performance.now();
    const { records } = open(dataset);
    await keepLease(records, await requirePlan(records, plan));
    const result = await runnerOf(dataset)({ step, plan, index }, timeLimit(context));
    const ms = Math.round(performance.now() - started);
    log({ dataset, step, index, ...result, ms, peakMemoryMB: peakMemory() });
    return result;
  };
}

export const psd = createChunk('psd', openDataset);
export const shard = createChunk('shard', openDataset);
