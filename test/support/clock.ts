import type { TestContext } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { ambient } from '../../src/core/ambient.ts';

export interface Clock {
  /** Milliseconds since the test began. */
  elapsed(): number;
  /** Sets how far this machine's clock is ahead of the true time [ms]. */
  setOffset(offset: number): void;
  /** Current sleepers stay asleep, as on a suspended machine, until the returned function is called. */
  suspend(): () => void;
}

interface Sleeper {
  at: number;
  wake: () => void;
}

/** Turns of the event loop after which woken code has done all it can: everything else in the test is in memory. */
const TURNS = 20;

/** A clock for all steps of the test, until its end. It advances only when all code sleeps, and then at once. */
export function mockClock(t: TestContext): Clock {
  const start = 1_800_000_000_000;
  let elapsed = 0;
  let offset = 0;
  let isOn = false;
  let sleepers = new Set<Sleeper>();

  async function advance(): Promise<void> {
    if (isOn) return;
    isOn = true;
    while (sleepers.size > 0) {
      for (let turn = 0; turn < TURNS; turn += 1) await setImmediate();
      const [next] = [...sleepers].sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      sleepers.delete(next);
      elapsed = Math.max(elapsed, next.at);
      next.wake();
    }
    isOn = false;
  }

  t.mock.method(ambient, 'now', () => start + elapsed + offset);
  t.mock.method(ambient, 'elapsed', () => elapsed);
  t.mock.method(ambient, 'sleep', (ms: number, signal?: AbortSignal) => {
    if (signal?.aborted) return Promise.resolve();
    return new Promise<void>((wake) => {
      const sleeper = { at: elapsed + ms, wake };
      sleepers.add(sleeper);
      signal?.addEventListener('abort', () => {
        sleepers.delete(sleeper);
        wake();
      });
      void advance();
    });
  });
  t.after(() => sleepers.clear());

  return {
    elapsed: () => elapsed,
    setOffset(value) {
      offset = value;
    },
    suspend() {
      const suspended = sleepers;
      sleepers = new Set();
      return () => {
        for (const sleeper of suspended) sleepers.add(sleeper);
        void advance();
      };
    },
  };
}
