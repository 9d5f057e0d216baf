/**
 * What a worker thread answers. An error for a person is sent as data, since of an error that is thrown in a thread its
 * class, and so its exit code, doesn't arrive.
 */
import { ChirplineError } from '../errors.ts';

/** What comes back from a thread. */
export type Answer<Result> = { result: Result } | { refusal: { message: string; exitCode: number } };

/** The function that a module of tasks exports for the pool: `run`, its refusals as answers. */
export function answering<Task, Result>(
  run: (task: Task) => Promise<Result>,
): (task: Task) => Promise<Answer<Result>> {
  return async (task) => {
    try {
      return { result: await run(task) };
    } catch (error) {
      if (!(error instanceof ChirplineError)) throw error;
      return { refusal: { message: error.message, exitCode: error.exitCode } };
    }
  };
}
