import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { MachineError, StoppedError } from '../../src/errors.ts';
import { type Run, type WorkerOptions, withWorkers } from '../../src/pipeline/pool.ts';
import { setEnvironment } from '../support/emulator.ts';
import { scratch } from '../support/fixtures.ts';
import type { PoolResult, PoolTask } from './pool-task.ts';

const MODULE = '../../test/pipeline/pool-task';

function withTasks<Product>(
  options: WorkerOptions,
  work: (run: Run<PoolTask, PoolResult>) => Promise<Product>,
): Promise<Product> {
  return withWorkers<PoolTask, PoolResult, Product>(MODULE, options, work);
}

/** The threads of `tasks` that are there at once, and the most tasks of one of them. */
async function spread(options: WorkerOptions, tasks: number) {
  const results = await withTasks(options, async (run) => {
    // All threads are up first, as they are after the plan.
    const { workers = 1 } = options;
    await Promise.all(Array.from({ length: workers }, () => run({ milliseconds: 20 })));
    return Promise.all(Array.from({ length: tasks }, () => run({ milliseconds: 60 })));
  });
  return {
    threads: new Set(results.map(({ thread }) => thread)).size,
    atOnce: Math.max(...results.map(({ atOnce }) => atOnce)),
  };
}

test('every thread has a task before one gets a second', async () => {
  const signal = new AbortController().signal;
  assert.deepEqual(await spread({ workers: 4, tasksAtOnce: 3, signal }, 4), { threads: 4, atOnce: 1 });
  assert.equal((await spread({ workers: 4, tasksAtOnce: 3, signal }, 6)).threads, 4);
});

test('a thread has as many tasks at once as are asked for, also when they can be stopped, and no more', async () => {
  const signal = new AbortController().signal;
  assert.deepEqual(await spread({ workers: 1, tasksAtOnce: 3, signal }, 7), { threads: 1, atOnce: 3 });
  assert.deepEqual(await spread({ workers: 2, signal }, 5), { threads: 2, atOnce: 1 });
});

test('when it is stopped all threads have ended, and no others are started', async (t) => {
  const started = join(scratch(t), 'started');
  writeFileSync(started, '');
  t.after(setEnvironment({ CHIRPLINE_TEST_THREADS: started }));
  const threads = () => readFileSync(started, 'utf8').split('\n').length - 1;
  const ticks = new Int32Array(new SharedArrayBuffer(4));
  const stopping = new AbortController();
  const stopped = withTasks({ workers: 2, tasksAtOnce: 2, signal: stopping.signal }, (run) => {
    const tasks = Array.from({ length: 6 }, () => run({ milliseconds: 60_000, ticks }));
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

test('what is stopped before it begins does nothing', async () => {
  const work = withTasks({ workers: 1, signal: AbortSignal.abort() }, (run) => run({ milliseconds: 1 }));
  await assert.rejects(work, StoppedError);
});

test("a task's refusal comes with its message and exit code, and ends the others", async () => {
  const ticks = new Int32Array(new SharedArrayBuffer(4));
  const work = withTasks({ workers: 2, tasksAtOnce: 2 }, (run) =>
    Promise.all([run({ milliseconds: 60_000, ticks }), run({ milliseconds: 20, refuse: 'no disk' })]),
  );
  await assert.rejects(work, { message: 'no disk', exitCode: new MachineError('').exitCode });
  const last = Atomics.load(ticks, 0);
  await setTimeout(100);
  assert.equal(Atomics.load(ticks, 0), last);
});
