/** Tasks for pool.test.ts. They return the thread that they run in and the number of concurrent tasks. */
import { appendFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { threadId } from 'node:worker_threads';
import { MachineError, StoppedError } from '../../src/core/errors.ts';
import { answering } from '../../src/workers/task-answer.ts';

export interface PoolTask {
  milliseconds: number;
  /** Incremented every few milliseconds while the task runs. */
  ticks?: Int32Array;
  refuse?: string;
  /** Continues when it is told to stop. */
  deaf?: boolean;
}

export interface PoolResult {
  thread: number;
  /** Most concurrent tasks in this thread so far. */
  atOnce: number;
}

/** Gets a line for each thread that starts. */
const { CHIRPLINE_TEST_THREADS: started } = process.env;
if (started !== undefined) appendFileSync(started, `${threadId}\n`);

let running = 0;
let atOnce = 0;

export default answering(
  async ({ milliseconds, ticks, refuse, deaf }: PoolTask, stop): Promise<PoolResult> => {
    running += 1;
    atOnce = Math.max(atOnce, running);
    for (const end = performance.now() + milliseconds; performance.now() < end; await setTimeout(2)) {
      if (stop.aborted && !deaf) throw new StoppedError('told to stop');
      if (ticks !== undefined) Atomics.add(ticks, 0, 1);
    }
    running -= 1;
    if (refuse !== undefined) throw new MachineError(refuse);
    return { thread: threadId, atOnce };
  },
);
