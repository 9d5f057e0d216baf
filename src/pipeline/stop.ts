import { StoppedError } from '../errors.ts';

/** Throws StoppedError, which says what is left, when the signal is aborted: Ctrl-C, or a function out of time. */
export function stopIfAborted(
  signal: AbortSignal | undefined,
  part: string,
  done: number,
  total: number,
): void {
  if (!signal?.aborted) return;
  throw new StoppedError(
    `${part}: stopped with ${total - done} of ${total} samples left, which are begun anew the next time. ` +
      'If there was too little time, allow more or make chunks smaller.',
  );
}
