/** The steps that work on a plan as messages, so that a worker thread runs them like a function in the cloud. */

import { memoize, memoizeLatest } from '../core/memoize.ts';
import type { Stop } from '../core/stop.ts';
import { createSignalsEngine } from '../signal/engines/linear-path.ts';
import { createPreprocessor, type Preprocessor } from '../signal/preprocessor.ts';
import { openStore } from '../storage/open.ts';
import { readPsd, reducePsd, sumPsdChunk } from './average-psd.ts';
import { readPlan, type Stores } from './plan/plan.ts';
import { preprocessChunk } from './shard-maker.ts';

export interface Task {
  step: 'psd' | 'reduce' | 'shard';
  /** Id of the plan. */
  plan: string;
  /** Of the chunk. Without meaning for `reduce`, which takes all chunks of the PSD. */
  index: number;
  /** Locations of the stores, see openStore. */
  raw: string;
  records: string;
}

export interface TaskResult {
  /** Samples of a shard that became records, and that were rejected. */
  done: number;
  rejected: number;
}

/** Returns a function that runs tasks against the two stores, also concurrently. It reads a plan and its PSD once. */
export function createTaskRunner(
  stores: Stores,
): (task: Pick<Task, 'step' | 'plan' | 'index'>, stop?: Stop) => Promise<TaskResult> {
  const { records } = stores;
  const prepare = memoizeLatest(async (id) => {
    const plan = await readPlan(records, id);
    const { psd, sha256 } = await readPsd(records, plan.psd);
    /** Idle ones. Each task needs its own, and making its tables takes milliseconds. */
    const free: Preprocessor[] = [];
    return { plan, psd, sha256, free };
  });
  return async ({ step, plan: id, index }, stop) => {
    if (step !== 'shard') {
      if (step === 'psd') await sumPsdChunk(stores, id, index, stop);
      else await reducePsd(stores, await readPlan(records, id));
      return { done: 0, rejected: 0 };
    }
    const { plan, psd, sha256, free } = await prepare(id);
    const preprocessor =
      free.pop() ?? createPreprocessor(psd, plan.settings.signals && createSignalsEngine());
    const result = await preprocessChunk(stores, plan, { preprocessor, psd: sha256 }, index, stop);
    free.push(preprocessor);
    return { done: result.records, rejected: result.rejected.length };
  };
}

const openRunner = memoize((raw) =>
  memoize((records) => createTaskRunner({ raw: openStore(raw), records: openStore(records) })),
);

/** Runs one task in a worker thread. The thread keeps the plan and the tables between tasks of the same two stores. */
export function runTask(task: Task, stop: Stop): Promise<TaskResult> {
  return openRunner(task.raw)(task.records)(task, stop);
}
