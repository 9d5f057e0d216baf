/** Worker threads for the map steps of one machine. */
import { setMaxListeners } from 'node:events';
import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import { Piscina } from 'piscina';
import { StoppedError } from '../errors.ts';

export type Run<Task, Result> = (task: Task) => Promise<Result>;

/**
 * Calls `work` with a function that runs tasks in worker threads, which end when `work` does. The threads run the
 * default export of the module `name` of this folder.
 *
 * Throws StoppedError when `signal` was aborted; tasks that were running then are ended where they are, which is
 * safe because every write is atomic.
 */
export async function withWorkers<Task, Result, Product>(
  name: string,
  {
    workers = availableParallelism(),
    signal,
  }: { workers?: number | undefined; signal?: AbortSignal | undefined },
  work: (run: Run<Task, Result>) => Promise<Product>,
): Promise<Product> {
  // Every waiting task listens.
  if (signal) setMaxListeners(0, signal);
  // Under a TypeScript loader this module and the worker's are .ts files, in the package they are .js.
  const filename = new URL(`./${name}${extname(import.meta.url)}`, import.meta.url).href;
  const pool = new Piscina<Task, Result>({
    filename,
    minThreads: 1,
    maxThreads: workers,
    idleTimeout: 60_000,
  });
  try {
    return await work((task) => pool.run(task, signal ? { signal } : {}));
  } catch (error) {
    if (!signal?.aborted) throw error;
    throw new StoppedError('stopped; the same command goes on from here', { cause: error });
  } finally {
    await pool.destroy();
  }
}
