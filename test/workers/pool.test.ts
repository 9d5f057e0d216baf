import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import {
  ConflictError,
  InputError,
  MachineError,
  NotFoundError,
  StoppedError,
  UnnamedError,
} from '../../src/core/errors.ts';
import { type Run, type WorkerOptions, withWorkers } from '../../src/workers/pool.ts';
import { packError, unpackError } from '../../src/workers/task-answer.ts';
import { setEnvironment } from '../support/emulator.ts';
import { scratch } from '../support/fixtures.ts';
import type { PoolResult, PoolTask } from './pool-task.ts';

const MODULE = '../../test/workers/pool-task';

function withTasks<Product>(
  options: WorkerOptions,
  work: (run: Run<PoolTask, PoolResult>) => Promise<Product>,
): Promise<Product> {
  return withWorkers<PoolTask, PoolResult, Product>(MODULE, options, work);
}

/** The number of threads that run `tasks` concurrent tasks, and the most concurrent tasks of one thread. */
async function spread(options: WorkerOptions, tasks: number) {
  const results = await withTasks(options, async (run) => {
    // Start all threads first. In a real run they have started while the run was planned.
    const { workers = 1 } = options;
    await Promise.all(Array.from({ length: workers }, () => run({ milliseconds: 20 })));
    return Promise.all(Array.from({ length: tasks }, () => run({ milliseconds: 60 })));
  });
  return {
    threads: new Set(results.map(({ thread }) => thread)).size,
    atOnce: Math.max(...results.map(({ atOnce }) => atOnce)),
  };
}

test('every thread gets a task before one gets a second', async () => {
  const signal = new AbortController().signal;
  assert.deepEqual(await spread({ workers: 4, tasksAtOnce: 3, signal }, 4), { threads: 4, atOnce: 1 });
  assert.equal((await spread({ workers: 4, tasksAtOnce: 3, signal }, 6)).threads, 4);
});

test('a thread runs exactly tasksAtOnce tasks, with or without a signal', async () => {
  const signal = new AbortController().signal;
  assert.deepEqual(await spread({ workers: 1, tasksAtOnce: 3, signal }, 7), { threads: 1, atOnce: 3 });
  assert.deepEqual(await spread({ workers: 2, signal }, 5), { threads: 2, atOnce: 1 });
});

test('after a stop all threads have ended, even those that ignore it, and no new ones start', async (t) => {
  const started = join(scratch(t), 'started');
  writeFileSync(started, '');
  t.after(setEnvironment({ CHIRPLINE_TEST_THREADS: started }));
  const threads = () => readFileSync(started, 'utf8').split('\n').length - 1;
  const ticks = new Int32Array(new SharedArrayBuffer(4));
  const stopping = new AbortController();
  const stopped = withTasks({ workers: 2, tasksAtOnce: 2, signal: stopping.signal }, (run) => {
    const tasks = Array.from({ length: 6 }, () => run({ milliseconds: 60_000, ticks, deaf: true }));
    return Promise.all(tasks);
  });
  while (Atomics.load(ticks, 0) < 10) await setTimeout(5);
  stopping.abort();
  await assert.rejects(stopped, StoppedError);
  const [last, before] = [Atomics.load(ticks, 0), threads()];
  await setTimeout(300);
  assert.equal(Atomics.load(ticks, 0), last);
  assert.equal(threads(), before);
});

test('work that is stopped before it starts does nothing', async () => {
  const work = withTasks({ workers: 1, signal: AbortSignal.abort() }, (run) => run({ milliseconds: 1 }));
  await assert.rejects(work, StoppedError);
});

test("a task's error keeps its class and message, and ends the other tasks", async () => {
  const ticks = new Int32Array(new SharedArrayBuffer(4));
  const work = withTasks({ workers: 2, tasksAtOnce: 2 }, (run) =>
    Promise.all([run({ milliseconds: 60_000, ticks }), run({ milliseconds: 20, refuse: 'no disk' })]),
  );
  await assert.rejects(work, (error) => error instanceof MachineError && error.message === 'no disk');
  const last = Atomics.load(ticks, 0);
  await setTimeout(100);
  assert.equal(Atomics.load(ticks, 0), last);
});

test('when several tasks fail at once, the first error is thrown and the others do not crash the process', async () => {
  for (let round = 0; round < 5; round++) {
    const refuse = 'no disk';
    let finished = false;
    const work = withTasks({ workers: 4, tasksAtOnce: 3 }, async (run) => {
      await Promise.all(Array.from({ length: 4 }, () => run({ milliseconds: 5 })));
      try {
        await Promise.all(Array.from({ length: 40 }, (_, i) => run({ milliseconds: i % 4, refuse })));
      } finally {
        finished = true;
      }
    });
    await assert.rejects(work, { name: 'MachineError', message: refuse });
    assert.ok(finished);
  }
});

test('after a failure the running tasks are waited for', async () => {
  let started = 0;
  const work = withTasks({ workers: 2 }, async (run) => {
    await Promise.all([run({ milliseconds: 20 }), run({ milliseconds: 20 })]);
    started = performance.now();
    await Promise.all([run({ milliseconds: 700, deaf: true }), run({ milliseconds: 20, refuse: 'no disk' })]);
  });
  await assert.rejects(work, MachineError);
  assert.ok(performance.now() - started > 600);
});

test('an error that crosses threads keeps its class and fields', () => {
  const fields = { object: 'a.npy', offset: 3, found: 'x', needed: 'y', advice: 'z' };
  class OwnError extends ConflictError {}
  for (const [error, type] of [
    [new InputError(fields), InputError],
    [new UnnamedError(fields), UnnamedError],
    [new NotFoundError('k', { cause: new Error('x') }), NotFoundError],
    [new StoppedError('s'), StoppedError],
    [new OwnError('o'), ConflictError],
  ] as const) {
    const other = unpackError(structuredClone(packError(error)));
    assert.ok(other instanceof type);
    assert.ok(other instanceof Error);
    assert.deepEqual({ ...other }, { ...error });
    assert.equal(other.message, error.message);
  }
});
