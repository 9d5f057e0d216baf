import { StoppedError } from './errors.ts';

/** Tells a step to stop: an AbortSignal, or a deadline. */
export type Stop = Pick<AbortSignal, 'aborted'>;

/** Throws StoppedError when `stop` is set: after Ctrl-C, or when a function runs out of time. `part` names the chunk. */
export function stopIfAborted(stop: Stop | undefined, part: string, done: number, total: number): void {
  if (!stop?.aborted) return;
  throw new StoppedError(
    `${part}: stopped with ${total - done} of ${total} samples left. A retry starts this chunk again. ` +
      'If time ran out, allow more time or use smaller chunks.',
  );
}
