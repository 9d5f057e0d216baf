/** Worker threads for the map steps of one machine. */
import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import { Piscina } from 'piscina';
import { StoppedError } from '../core/errors.ts';
import { type Answer, type Message, unpackError } from './task-answer.ts';

/** Tasks under way are told to stop, and waited for so long [ms] when the user wants to leave, and after a failure. */
const PATIENCE = { stop: 5_000, failure: 60_000 };

export interface WorkerOptions {
  /** Threads; by default one a core. */
  workers?: number | undefined;
  /** Tasks that a thread has under way: while one waits for the disk, the next one computes. Default 1. */
  tasksAtOnce?: number;
  signal?: AbortSignal | undefined;
}

export type Run<Task, Result> = (task: Task) => Promise<Result>;

/**
 * Calls `work` with a function that runs tasks in worker threads, which end when `work` does. The threads run the
 * default export of the module `name` of this folder, which is one of `answering`.
 *
 * A task's ChirplineError comes with its class and fields. The first failure is the one that is thrown, after the tasks
 * under way have ended, so that they leave no temporary files. Throws StoppedError when `signal` was aborted. Tasks that
 * don't end in time are ended where they are, which is safe because every write is atomic.
 */
export async function withWorkers<Task, Result, Product>(
  name: string,
  { workers = availableParallelism(), tasksAtOnce = 1, signal }: WorkerOptions,
  work: (run: Run<Task, Result>) => Promise<Product>,
): Promise<Product> {
  const pool = new Piscina<Message<Task>, Answer<Result>>({
    // Under a TypeScript loader this module and the tasks' are .ts files, in the package they are .js.
    filename: new URL(`./${name}${extname(import.meta.url)}`, import.meta.url).href,
    // Two start at once, while the caller may still be planning; more come when there is work for them.
    minThreads: Math.min(2, workers),
    maxThreads: workers,
    concurrentTasksPerWorker: tasksAtOnce,
    loadBalancer: (_task, threads) => {
      const [least] = threads.toSorted((a, b) => a.currentUsage - b.currentUsage);
      if (least === undefined || least.currentUsage >= tasksAtOnce) return null;
      // Another thread is started before one gets a second task.
      return least.currentUsage > 0 && threads.length < workers ? null : least;
    },
    idleTimeout: 60_000,
  });
  // A thread that fails outside a task; and, when they are ended, messages that are late.
  const broken = new Promise<never>((_, reject) => pool.on('error', reject));
  broken.catch(() => {});
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const underWay = new Set<Promise<unknown>>();
  let ended: Promise<void> | undefined;
  // Once: a second call would not wait for the threads, and others would be started in their place.
  const end = () => {
    ended ??= pool.destroy();
    return ended;
  };
  let timer: NodeJS.Timeout | undefined;
  // Not by Piscina's own signals: a thread that has a task with one gets no other beside it.
  const leave = (patience: number) => {
    Atomics.store(stop, 0, 1);
    clearTimeout(timer);
    timer = setTimeout(end, patience);
  };
  const leaveSoon = () => leave(PATIENCE.stop);
  signal?.addEventListener('abort', leaveSoon);
  const run = async (task: Task): Promise<Result> => {
    signal?.throwIfAborted();
    const answered = pool.run({ task, stop });
    underWay.add(answered);
    const forget = () => underWay.delete(answered);
    answered.then(forget, forget);
    const answer = await Promise.race([answered, broken]);
    if ('refusal' in answer) throw unpackError(answer.refusal);
    return answer.result;
  };
  try {
    return await work(run);
  } catch (error) {
    if (!signal?.aborted) throw error;
    throw new StoppedError('stopped; the same command resumes from here', { cause: error });
  } finally {
    if (!signal?.aborted) leave(PATIENCE.failure);
    await Promise.allSettled(underWay);
    clearTimeout(timer);
    signal?.removeEventListener('abort', leaveSoon);
    await end();
  }
}
