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
  sleep: (ms: number): Promise<void> => setTimeout(ms),
  /** Uniform in [0, 1). */
  random: (): number => Math.random(),
  /** Unique. */
  token: (): string => randomUUID(),
};
