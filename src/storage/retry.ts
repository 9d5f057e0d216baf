import { ambient } from '../core/ambient.ts';

export interface RetryPolicy {
  /** Total number of calls. */
  attempts: number;
  /** The wait before attempt n + 1 is drawn from 0 ... n * pause [ms]. */
  pause: number;
}

/**
 * Calls `work` until it succeeds, with linear backoff and full jitter. Throws the error of `work` when `when` is false
 * for it, or after the last attempt.
 */
export async function retry<T>(
  { attempts, pause }: RetryPolicy,
  when: (error: unknown) => boolean,
  work: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (attempt === attempts || !when(error)) throw error;
      await backOff(attempt, pause);
    }
  }
}

/** Waits after attempt number `attempt`; see RetryPolicy. */
export function backOff(attempt: number, pause: number): Promise<void> {
  return ambient.sleep(ambient.random() * attempt * pause);
}
