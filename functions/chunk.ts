/** The steps between the plan and its end: each works on one chunk of the plan; `reduce` averages the PSD of all chunks. */

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
  /** Of the chunk; not for `reduce`. */
  index?: number;
}

/** An environment serves many chunks of one plan, so it keeps the plan and the tables made from its PSD. */
export function createChunk(step: Task['step'], open: OpenDataset) {
  const runnerOf = memoize((dataset) => createTaskRunner(open(dataset)));
  return async ({ dataset, plan, index = 0 }: ChunkInput, context: RemainingTime): Promise<TaskResult> => {
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
export const reduce = createChunk('reduce', openDataset);
export const shard = createChunk('shard', openDataset);
