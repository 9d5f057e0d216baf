/**
 * What runs in a worker thread: the module of the tasks that the pool names. An error for a person is sent as data,
 * since of an error that is thrown in a thread its class, and so its exit code, doesn't arrive.
 */
import { workerData } from 'piscina';
import { ChirplineError } from '../errors.ts';

/** What comes back from a thread. */
export type Answer<Result> = { result: Result } | { refusal: { message: string; exitCode: number } };

const module: { default: (task: unknown) => Promise<unknown> } = await import(String(workerData));

export default async function answer(task: unknown): Promise<Answer<unknown>> {
  try {
    return { result: await module.default(task) };
  } catch (error) {
    if (!(error instanceof ChirplineError)) throw error;
    return { refusal: { message: error.message, exitCode: error.exitCode } };
  }
}
