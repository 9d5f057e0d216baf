/** The messages between the pool and its worker threads. */
import * as errors from '../core/errors.ts';
import type { Stop } from '../core/stop.ts';
import { explainShortage } from '../storage/file/file-errors.ts';

/** Sent to a thread. */
export interface Message<Task> {
  task: Task;
  /** Shared by all threads. stop[0] is not 0 once tasks should stop. */
  stop: Int32Array;
}

/** Sent back by a thread. */
export type Answer<Result> = { result: Result } | { refusal: PackedError };

/**
 * A ChirplineError as data. An error that is thrown across threads loses its class and fields, and with them its exit
 * code.
 */
export interface PackedError {
  /** The error's class, or its nearest base class, in core/errors.ts. */
  name: string;
  message: string;
  fields: object;
}

/**
 * Wraps `run` as the default export of a task module: a ChirplineError becomes an answer. When `stop` is aborted, `run`
 * should throw StoppedError soon; its temporary files remain until it ends.
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
      if (stop.aborted) throw new errors.StoppedError('stopped before the task started');
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
