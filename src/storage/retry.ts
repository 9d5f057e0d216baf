import { ambient } from '../core/ambient.ts';

export interface RetryPolicy {
  /** Calls in all. */
  attempts: number;
  /** The wait before attempt n + 1 is drawn from 0 ... n * pause [ms]. */
  pause: number;
}

/**
 * Calls `work` until it succeeds, with backoff and full jitter. Throws what `work` throws when `when` says that another
 * attempt won't help, or after the last one.
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

/** The wait after attempt n. */
export function backOff(attempt: number, pause: number): Promise<void> {
  return ambient.sleep(ambient.random() * attempt * pause);
}
