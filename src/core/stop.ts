import { StoppedError } from './errors.ts';

/** Says when to stop: an AbortSignal, or a clock. */
export type Stop = Pick<AbortSignal, 'aborted'>;

/** Throws StoppedError, which says what is left, when it is time: Ctrl-C, or a function out of time. */
export function stopIfAborted(stop: Stop | undefined, part: string, done: number, total: number): void {
  if (!stop?.aborted) return;
  throw new StoppedError(
    `${part}: stopped with ${total - done} of ${total} samples left, which start over the next time. ` +
      'If there was too little time, allow more or make chunks smaller.',
  );
}
