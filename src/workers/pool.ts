/** Worker threads for the map steps of one machine. */
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { StoppedError } from '../core/errors.ts';
import { type Answer, type Message, unpackError } from './task-answer.ts';

/** How long to wait for running tasks [ms], after the user stopped the command and after a failed task. */
const GRACE = { stop: 5_000, failure: 60_000 };

export interface WorkerOptions {
  /** Threads. Default: one per core. */
  workers?: number | undefined;
  /** Concurrent tasks per thread: while one waits for the disk, another one computes. Default 1. */
  tasksAtOnce?: number;
  signal?: AbortSignal | undefined;
}

export type Run<Task, Result> = (task: Task) => Promise<Result>;

/**
 * Calls `work` with a function that runs tasks in worker threads, which end with `work`. The threads run the default
 * export of the module `name` in this folder, which must come from `answering`.
 *
 * A task's ChirplineError keeps its class and fields. After a failure the running tasks are told to stop, by a flag in shared
 * memory, and waited for, so that they remove their temporary files. Then the first error is thrown; StoppedError when
 * `signal` was aborted. Tasks that don't end in time are terminated, which is safe because every write is atomic.
 */
export async function withWorkers<Task, Result, Product>(
  name: string,
  { workers = availableParallelism(), tasksAtOnce = 1, signal }: WorkerOptions,
  work: (run: Run<Task, Result>) => Promise<Product>,
): Promise<Product> {
  const pool = new Piscina<Message<Task>, Answer<Result>>({
    // This module and the tasks' modules are .ts files under a TypeScript loader, and .js files in the package.
    filename: new URL(`./${name}${extname(import.meta.url)}`, import.meta.url).href,
    // One thread starts at once, while the caller may still be planning. More start when there is work for them.
    minThreads: 1,
    maxThreads: workers,
    concurrentTasksPerWorker: tasksAtOnce,
    loadBalancer: (_task, threads) => {
      const [least] = threads.toSorted((a, b) => a.currentUsage - b.currentUsage);
      if (least === undefined || least.currentUsage >= tasksAtOnce) return null;
      // Start all threads before one of them gets a second task.
      return least.currentUsage > 0 && threads.length < workers ? null : least;
    },
    idleTimeout: 60_000,
  });
  // Rejects when a thread fails outside a task. Late messages of terminated threads come here too, and are ignored.
  const poolFailure = new Promise<never>((_, reject) => pool.on('error', reject));
  poolFailure.catch(() => {});
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const underWay = new Set<Promise<unknown>>();
  let ended: Promise<void> | undefined;
  // Node crashes when a thread is ended while it loads a module, and the error that ended the work would be lost.
  const loaded = new Map<Worker, Promise<unknown>>();
  const watchThreads = () => {
    for (const thread of pool.threads)
      if (!loaded.has(thread))
        loaded.set(thread, Promise.race([once(thread, 'message'), once(thread, 'exit')]));
  };
  watchThreads();
  // Only once: a second destroy() would not wait for the threads, and would start new ones.
  const end = () => {
    ended ??= Promise.allSettled(loaded.values()).then(() => pool.destroy());
    return ended;
  };
  let timer: NodeJS.Timeout | undefined;
  // Piscina's own abort signals are not used: a thread that runs a task with a signal gets no second task.
  const stopTasks = (grace: number) => {
    Atomics.store(stop, 0, 1);
    clearTimeout(timer);
    timer = setTimeout(end, grace);
  };
  const onAbort = () => stopTasks(GRACE.stop);
  signal?.addEventListener('abort', onAbort);
  const run = async (task: Task): Promise<Result> => {
    signal?.throwIfAborted();
    const answered = pool.run({ task, stop });
    watchThreads();
    underWay.add(answered);
    const forget = () => underWay.delete(answered);
    answered.then(forget, forget);
    const answer = await Promise.race([answered, poolFailure]);
    if ('refusal' in answer) throw unpackError(answer.refusal);
    return answer.result;
  };
  try {
    return await work(run);
  } catch (error) {
    if (!signal?.aborted) throw error;
    throw new StoppedError('stopped. Run the same command to resume', { cause: error });
  } finally {
    if (!signal?.aborted) stopTasks(GRACE.failure);
    await Promise.allSettled(underWay);
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
    await end();
  }
}
