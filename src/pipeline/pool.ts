/** Worker threads for the map steps of one machine. */
import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import { Piscina } from 'piscina';
import { ChirplineError, StoppedError } from '../errors.ts';
import type { Answer } from './answer.ts';

/** A ChirplineError that was thrown in a worker thread, with its message and exit code. */
class TaskError extends ChirplineError {
  readonly exitCode: number;
  constructor({ message, exitCode }: { message: string; exitCode: number }) {
    super(message);
    this.exitCode = exitCode;
  }
}

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
 * A task's ChirplineError comes as one with the same message and exit code. Throws StoppedError when `signal` was
 * aborted; tasks that were running then are ended where they are, which is safe because every write is atomic.
 */
export async function withWorkers<Task, Result, Product>(
  name: string,
  { workers = availableParallelism(), tasksAtOnce = 1, signal }: WorkerOptions,
  work: (run: Run<Task, Result>) => Promise<Product>,
): Promise<Product> {
  const pool = new Piscina<Task, Answer<Result>>({
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
  let ended: Promise<void> | undefined;
  // Once: a second call would not wait for the threads, and others would be started in their place.
  const end = () => {
    ended ??= pool.destroy();
    return ended;
  };
  // Not by Piscina's own signals: a thread that has a task with one gets no other beside it.
  const stop = () => void end();
  signal?.addEventListener('abort', stop);
  const run = async (task: Task): Promise<Result> => {
    signal?.throwIfAborted();
    const answer = await pool.run(task);
    if ('refusal' in answer) throw new TaskError(answer.refusal);
    return answer.result;
  };
  try {
    return await work(run);
  } catch (error) {
    if (!signal?.aborted) throw error;
    throw new StoppedError('stopped; the same command goes on from here', { cause: error });
  } finally {
    signal?.removeEventListener('abort', stop);
    await end();
  }
}
