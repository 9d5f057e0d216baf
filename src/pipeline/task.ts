/** The map steps as messages, so that a worker thread can run them as a function in the cloud would. */
import { createPreprocessor, type Preprocessor } from '../signal/preprocess.ts';
import { openStore } from '../storage/open.ts';
import { listWhole } from '../storage/parts.ts';
import type { Psd } from '../strain.ts';
import { answering } from './answer.ts';
import { type Listing, packListing } from './listing.ts';
import { encodeMembers, type PackedMembers, unpackMembers } from './members.ts';
import type { Plan, Stores } from './plan.ts';
import { readPsd, sumPsdChunk } from './psd.ts';
import { preprocessChunk } from './shard.ts';
import type { Stop } from './stop.ts';
import { PLAN_KEY, PSD_KEY, readJson } from './work.ts';

export interface Task {
  step: 'psd' | 'shard';
  index: number;
  /** Locations of the stores, see openStore. */
  raw: string;
  records: string;
}

/** A part of the raw objects that is to be listed, see listInParts. */
export interface ListTask {
  step: 'list';
  prefix: string;
  raw: string;
}

export interface TaskResult {
  /** Samples that came out well. */
  done: number;
  rejected: number;
}

/** Members that are to be encoded, see encodeMembers. */
export interface MembersTask extends PackedMembers {
  step: 'members';
}

/** How a task's answer follows from its step. */
export interface RunTask {
  (task: Task): Promise<TaskResult>;
  (task: ListTask): Promise<Listing>;
  (task: MembersTask): Promise<Uint8Array>;
}

/**
 * Returns a function that runs tasks against the two stores, several at once if it is called so, reading the plan and
 * the PSD once.
 */
export function createTaskRunner(
  stores: Stores,
): (task: Pick<Task, 'step' | 'index'>, stop?: Stop) => Promise<TaskResult> {
  let prepared: Promise<{ plan: Plan; psd: Psd }> | undefined;
  const prepare = async () => ({
    plan: await readJson<Plan>(stores.records, PLAN_KEY),
    psd: (await readPsd(stores.records, PSD_KEY)).psd,
  });
  /** A task has one for itself; its tables take milliseconds to make. */
  const free: Preprocessor[] = [];
  return async ({ step, index }, stop) => {
    if (step === 'psd') return { done: (await sumPsdChunk(stores, index, stop)).count, rejected: 0 };
    prepared ??= prepare().catch((error) => {
      // The next task may have more luck.
      prepared = undefined;
      throw error;
    });
    const { plan, psd } = await prepared;
    const preprocessor = free.pop() ?? createPreprocessor(psd);
    const result = await preprocessChunk(stores, plan, preprocessor, index, stop);
    free.push(preprocessor);
    return { done: result.records, rejected: result.rejected.length };
  };
}

const runners = new Map<string, ReturnType<typeof createTaskRunner>>();

/** Runs one task in a worker thread, which keeps the plan and the tables between the tasks of two stores. */
async function runTask(task: Task | ListTask | MembersTask): Promise<TaskResult | Listing | Uint8Array> {
  if (task.step === 'members') return encodeMembers(unpackMembers(task));
  if (task.step === 'list') return packListing(await listWhole(openStore(task.raw), task.prefix));
  const place = `${task.raw}\n${task.records}`;
  let run = runners.get(place);
  if (run === undefined) {
    run = createTaskRunner({ raw: await openStore(task.raw), records: await openStore(task.records) });
    runners.set(place, run);
  }
  return run(task);
}

export default answering(runTask);
