/**
 * What a step takes from its surroundings besides its input: time, chance and names that nobody else has. One object, so
 * that a simulation can replace all of it and replay a run from a seed.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';

export const ambient = {
  /** Milliseconds since 1970. */
  now: (): number => Date.now(),
  /** Milliseconds on a clock that never jumps. */
  elapsed: (): number => performance.now(),
  /** Resolves after that time, or as soon as the signal is aborted. */
  sleep: async (ms: number, signal?: AbortSignal): Promise<void> => {
    await setTimeout(ms, undefined, { signal }).catch((error: unknown) => {
      if (!signal?.aborted) throw error;
    });
  },
  /** Uniform in [0, 1). */
  random: (): number => Math.random(),
  /** Unique. */
  token: (): string => randomUUID(),
};
