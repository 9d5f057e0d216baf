/** The map steps: one chunk of a dataset's plan. */
import type { Context } from 'aws-lambda';
import type { TaskResult } from '../src/pipeline/task.ts';
import { createTaskRunner, type Task } from '../src/pipeline/task.ts';
import { PLAN_KEY, PSD_KEY } from '../src/pipeline/work.ts';
import { type OpenDataset, openDataset, timeLimit } from './environment.ts';
import { log, peakMemory } from './log.ts';

export interface ChunkInput {
  dataset: string;
  index: number;
}

type RemainingTime = Pick<Context, 'getRemainingTimeInMillis'>;

/** An environment serves many chunks of one run: the plan and the tables made from its PSD are kept as long as they are the same. */
export function createChunk(step: Task['step'], open: OpenDataset) {
  let kept: { version: string; run: ReturnType<typeof createTaskRunner> } | undefined;
  return async ({ dataset, index }: ChunkInput, context: RemainingTime): Promise<TaskResult> => {
    const started = performance.now();
    const stores = open(dataset);
    const [plan, psd] = await Promise.all([stores.records.head(PLAN_KEY), stores.records.head(PSD_KEY)]);
    const version = [dataset, plan?.etag, psd?.etag].join('\n');
    if (kept?.version !== version) kept = { version, run: createTaskRunner(stores) };
    const result = await kept.run({ step, index }, timeLimit(context));
    const ms = Math.round(performance.now() - started);
    log({ dataset, step, index, ...result, ms, peakMemoryMB: peakMemory() });
    return result;
  };
}

export const psd = createChunk('psd', openDataset);
export const shard = createChunk('shard', openDataset);
