/** What goes to a worker thread and what comes back. */
import * as errors from '../core/errors.ts';
import type { Stop } from '../core/stop.ts';
import { explainShortage } from '../storage/file/file-errors.ts';

/** What a thread is sent. */
export interface Message<Task> {
  task: Task;
  /** Shared by all threads; its number isn't 0 when nothing should be begun any more. */
  stop: Int32Array;
}

/** What comes back. */
export type Answer<Result> = { result: Result } | { refusal: PackedError };

/**
 * An error for a person, as data: of an error that is thrown in a thread neither the class nor the fields arrive, and so no
 * exit code.
 */
export interface PackedError {
  /** The nearest class of errors.ts. */
  name: string;
  message: string;
  fields: object;
}

/**
 * The function that a module of tasks exports for the pool: `run`, its refusals as answers. It should end early, by a
 * StoppedError, when `stop` says so; until it has ended, its temporary files are there.
 */
export function answering<Task, Result>(
  run: (task: Task, stop: Stop) => Promise<Result>,
): (message: Message<Task>) => Promise<Answer<Result>> {
  return async ({ task, stop: flag }) => {
    const stop: Stop = {
      get aborted() {
        return Atomics.load(flag, 0) !== 0;
      },
    };
    try {
      if (stop.aborted) throw new errors.StoppedError('stopped before it began');
      return { result: await run(task, stop) };
    } catch (error) {
      const explained = explainShortage(error);
      if (!(explained instanceof errors.ChirplineError)) throw error;
      return { refusal: packError(explained) };
    }
  };
}

const types = new Map<string, { prototype: object }>(Object.entries(errors));

export function packError(error: errors.ChirplineError): PackedError {
  let type = error.constructor;
  while (types.get(type.name) !== type) type = Object.getPrototypeOf(type);
  return { name: type.name, message: error.message, fields: { ...error } };
}

export function unpackError({ name, message, fields }: PackedError): Error {
  const error = new Error(message);
  Object.setPrototypeOf(error, types.get(name)!.prototype);
  return Object.assign(error, fields);
}
