import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { createFinalize } from '../../functions/finalize.ts';
import { createPlan } from '../../functions/plan.ts';
import { ambient } from '../../src/core/ambient.ts';
import {
  BusyError,
  ConflictError,
  NotFoundError,
  PreconditionError,
  StoppedError,
} from '../../src/core/errors.ts';
import { createTaskRunner } from '../../src/preprocess/chunk-task.ts';
import { preprocessDataset, runPlans } from '../../src/preprocess/local-run.ts';
import { readPlan } from '../../src/preprocess/plan/plan.ts';
import {
  type AcquireOptions,
  acquireLease,
  executionLease,
  hasExpired,
  keepLease,
  processLease,
  releaseLease,
  renewLease,
  withLease,
} from '../../src/preprocess/state/lease.ts';
import { changeManifest, type Lease, readManifest } from '../../src/preprocess/state/manifest.ts';
import { createFileStore } from '../../src/storage/file/file-store.ts';
import type { ObjectInfo, ObjectStore } from '../../src/storage/store.ts';
import { memoryDatasets } from '../functions/stores.ts';
import { mockClock } from '../support/clock.ts';
import { writeDataset } from '../support/dataset.ts';
import { scratch } from '../support/fixtures.ts';
import { createMemoryStore } from '../support/memory-store.ts';
import { runSteps, SETTINGS } from '../support/steps.ts';

const SECOND = 1000;
const HOUR = 3_600_000;

/** A lease of a process of this host. */
function leaseOf(pid: number): Lease {
  return { ...processLease(), token: `of ${pid}`, holder: `process ${pid}`, pid, born: ambient.bornOf(pid) };
}

/** A lease of a process on another machine. */
const elsewhere = (token = 'elsewhere'): Lease => ({
  ...processLease(),
  token,
  holder: `process 7 on ${token}`,
  host: token,
  pid: 7,
});

const holderOf = async (records: ObjectStore) => (await readManifest(records)).lease?.token;
const mine = (): Lease => ({ ...processLease(), token: 'mine' });
const isBusy = (holder: RegExp) => (error: unknown) => {
  assert.ok(error instanceof BusyError);
  assert.match(error.message, holder);
  return true;
};

/** Collects the messages. */
function listen() {
  const said: string[] = [];
  const options: AcquireOptions = { observer: { say: (text) => void said.push(text) } };
  return { said, options };
}

function startChild(t: TestContext, ...command: [string, ...string[]]): ChildProcess {
  const [file, ...args] = command;
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

test('the lease of a process on this host is taken over as soon as the process is killed, and not before', async (t) => {
  const child = startChild(t, 'sleep', '600');
  const records = createMemoryStore();
  await acquireLease(records, leaseOf(child.pid!));
  await assert.rejects(
    acquireLease(records, mine(), { patience: 10 * HOUR }),
    isBusy(new RegExp(`being written by process ${child.pid}`)),
  );
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
  await acquireLease(records, mine(), { patience: 0 });
  assert.equal(await holderOf(records), 'mine');
});

test('a zombie process counts as dead', async (t) => {
  // The shell is replaced by a program that doesn't know the child, and so never reaps it.
  const parent = startChild(t, 'sh', '-c', 'sleep 600 & echo $!; exec sleep 600');
  const [line] = await once(parent.stdout!, 'data');
  const pid = Number(String(line));
  const records = createMemoryStore();
  await acquireLease(records, leaseOf(pid));
  await assert.rejects(acquireLease(records, mine(), { patience: 0 }), BusyError);
  const stateOf = () => /\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))?.[1];
  while (!/sleep/.test(readFileSync(`/proc/${parent.pid}/comm`, 'latin1'))) await setTimeout(5);
  process.kill(pid, 'SIGKILL');
  while (stateOf() !== 'Z') await setTimeout(5);
  await acquireLease(records, mine(), { patience: 0 });
  assert.equal(await holderOf(records), 'mine');
});

test('a new process with the id of a dead one is not mistaken for it', async (t) => {
  const child = startChild(t, 'sleep', '600');
  const records = createMemoryStore();
  await acquireLease(records, { ...leaseOf(child.pid!), born: '1' });
  await acquireLease(records, mine(), { patience: 0 });
  assert.equal(await holderOf(records), 'mine');
});

test('a holder elsewhere counts as dead when it did not renew its lease for the whole span', async (t) => {
  const clock = mockClock(t);
  const records = createMemoryStore();
  const other = elsewhere();
  await acquireLease(records, other);
  const { said, options } = listen();
  const acquired = acquireLease(records, mine(), options);
  for (let renewals = 0; renewals < 20; renewals += 1) {
    await ambient.sleep(5 * SECOND);
    await renewLease(records, other);
  }
  const renewed = clock.elapsed();
  assert.equal(await holderOf(records), 'elsewhere');
  await acquired;
  const waited = clock.elapsed() - renewed;
  assert.ok(waited >= other.span && waited < other.span + SECOND, `${waited} ms`);
  assert.equal(said.length, 1);
  assert.match(said[0]!, /process 7 on elsewhere: waiting for it to end, or until \d\d:\d\d:\d\d/);
});

for (const [side, offset] of [
  ['behind', -HOUR],
  ['ahead', HOUR],
] as const) {
  test(`a holder whose clock is an hour ${side} is waited for while it is alive, and no longer`, async (t) => {
    const clock = mockClock(t);
    const records = createMemoryStore();
    const other = elsewhere();
    const asOther = async (work: () => Promise<unknown>) => {
      clock.setOffset(offset);
      await work();
      clock.setOffset(0);
    };
    await asOther(() => acquireLease(records, other));
    const acquired = acquireLease(records, mine());
    for (let renewals = 0; renewals < 12; renewals += 1) {
      await ambient.sleep(5 * SECOND);
      await asOther(() => renewLease(records, other));
      const { lease } = await readManifest(records);
      assert.equal(lease?.token, 'elsewhere');
      assert.equal(hasExpired(lease), false);
    }
    const renewed = clock.elapsed();
    await acquired;
    const waited = clock.elapsed() - renewed;
    assert.ok(waited >= other.span && waited < other.span + SECOND, `${waited} ms`);
  });
}

test('a lease that expired long ago by any clock is taken over without waiting', async (t) => {
  const clock = mockClock(t);
  const records = createMemoryStore();
  await acquireLease(records, elsewhere());
  clock.setOffset(24 * HOUR);
  await acquireLease(records, mine(), { patience: 0 });
  assert.deepEqual([await holderOf(records), clock.elapsed()], ['mine', 0]);
});

test('an execution asks whether another one is running, however old the lease of the other one is', async (t) => {
  const clock = mockClock(t);
  const records = createMemoryStore();
  await acquireLease(records, executionLease('first'));
  const acquire = (running: boolean) =>
    acquireLease(records, executionLease('second'), { patience: 45_000, isRunning: async () => running });
  await assert.rejects(acquire(true), isBusy(/being written by first/));
  assert.equal(clock.elapsed(), 0);
  await acquire(false);
  assert.deepEqual([await holderOf(records), clock.elapsed()], ['second', 0]);
});

test('an execution waits long enough to see whether a process elsewhere is alive or dead', async (t) => {
  const clock = mockClock(t);
  const records = createMemoryStore();
  const other = elsewhere();
  const isRunning = () => assert.fail('asked about a process');
  const acquire = () => acquireLease(records, executionLease('first'), { patience: 45 * SECOND, isRunning });
  await acquireLease(records, other);
  const refused = assert.rejects(acquire(), isBusy(/process 7 on elsewhere/));
  for (let renewals = 0; renewals < 10; renewals += 1) {
    await ambient.sleep(5 * SECOND);
    await renewLease(records, other);
  }
  await refused;
  const before = clock.elapsed();
  await acquire();
  assert.ok(clock.elapsed() - before < 45 * SECOND);
  assert.equal(await holderOf(records), 'first');
});

test("a chunk renews its execution's lease after half of the span, and never another holder's lease", async (t) => {
  mockClock(t);
  const records = createMemoryStore();
  await acquireLease(records, executionLease('first'));
  const read = () => readManifest(records);
  const before = await read();
  const { lease } = before;
  await ambient.sleep(lease!.span / 2 - SECOND);
  await keepLease(records, await read());
  assert.deepEqual(await read(), before);
  await ambient.sleep(2 * SECOND);
  const manifest = await read();
  await keepLease(records, manifest);
  assert.equal((await read()).lease?.expires, ambient.now() + lease!.span);

  await ambient.sleep(lease!.span);
  await acquireLease(records, executionLease('second'), { isRunning: async () => false });
  const taken = await read();
  await keepLease(records, manifest);
  assert.deepEqual(await read(), taken);
});

test('when two holders take a lease at once, one gets it, and the error of the other names the holder', async () => {
  const records = createMemoryStore();
  const answers = await Promise.allSettled(
    ['first', 'second'].map((token) =>
      acquireLease(records, executionLease(token), { patience: 0, isRunning: async () => true }),
    ),
  );
  const holder = await holderOf(records);
  assert.deepEqual(
    answers.map(({ status }) => status === 'fulfilled'),
    ['first', 'second'].map((token) => token === holder),
  );
  const refused = answers.find((answer) => answer.status === 'rejected');
  isBusy(new RegExp(`being written by ${holder}`))(refused?.reason);
});

test('a lease still belongs to its holder when the reply to the write was lost', async () => {
  const memory = createMemoryStore();
  let lost = false;
  const records: ObjectStore = {
    ...memory,
    async write(key, ...rest) {
      const info = await memory.write(key, ...rest);
      if (lost) return info;
      lost = true;
      throw new PreconditionError(key);
    },
  };
  await acquireLease(records, mine(), { patience: 0 });
  assert.deepEqual([lost, await holderOf(memory)], [true, 'mine']);
});

test("nobody can release or renew another holder's lease", async () => {
  const records = createMemoryStore();
  await acquireLease(records, mine());
  const before = await readManifest(records);
  await releaseLease(records, 'another');
  assert.equal(await renewLease(records, elsewhere()), false);
  assert.deepEqual(await readManifest(records), before);
  await releaseLease(records, 'mine');
  assert.equal(await holderOf(records), undefined);
  await releaseLease(records, 'mine');
  assert.equal(await renewLease(records, mine()), false);
});

test('a wait for a lease can be stopped', async (t) => {
  mockClock(t);
  const records = createMemoryStore();
  await acquireLease(records, elsewhere());
  const stop = new AbortController();
  const waiting = acquireLease(records, mine(), { signal: stop.signal });
  await ambient.sleep(SECOND);
  stop.abort();
  await assert.rejects(waiting, StoppedError);
  assert.equal(await holderOf(records), 'elsewhere');
});

test('a lease is renewed as long as its work runs, and released however the work ends', async (t) => {
  const clock = mockClock(t);
  const records = createMemoryStore();
  const work = async (token: string) => {
    for (let minutes = 0; minutes < 10; minutes += 1) {
      await ambient.sleep(60 * SECOND);
      const { lease } = await readManifest(records);
      assert.equal(lease?.token, token);
      assert.ok(lease.expires > ambient.now() + 20 * SECOND);
    }
    return token;
  };
  await withLease(records, {}, work);
  assert.ok(clock.elapsed() >= 600 * SECOND);
  assert.equal(await holderOf(records), undefined);
  const failing = async () => {
    throw new ConflictError('its own failure');
  };
  await assert.rejects(withLease(records, {}, failing), /its own failure/);
  assert.equal(await holderOf(records), undefined);
});

test('a failed renewal is retried, and the work continues', async (t) => {
  mockClock(t);
  const memory = createMemoryStore();
  let failures = 0;
  const records: ObjectStore = {
    ...memory,
    async write(key, ...rest) {
      // Three renewals fail.
      if (ambient.now() % 60_000 > 10_000 && failures++ < 3) throw new Error('SlowDown');
      return memory.write(key, ...rest);
    },
  };
  const tokens: string[] = [];
  await withLease(records, {}, async (token, signal) => {
    tokens.push(token);
    await ambient.sleep(300 * SECOND);
    assert.equal(signal.aborted, false);
  });
  assert.ok(failures >= 3);
  assert.equal(tokens.length, 1);
});

test('work whose lease is taken over is stopped, and starts again when the other run has ended', async (t) => {
  const clock = mockClock(t);
  const records = createMemoryStore();
  const { said, options } = listen();
  const tokens: string[] = [];
  const stopped: number[] = [];
  const working = withLease(records, options, async (token, signal) => {
    tokens.push(token);
    if (tokens.length === 2) return 'done';
    while (!signal.aborted) await ambient.sleep(100);
    stopped.push(clock.elapsed());
    throw new StoppedError('stopped');
  });
  await ambient.sleep(12 * SECOND);
  const other = elsewhere();
  await changeManifest(records, ({ lease: _, ...rest }) => ({
    ...rest,
    lease: { ...other, expires: ambient.now() + other.span },
  }));
  await ambient.sleep(20 * SECOND);
  assert.equal(tokens.length, 1);
  // Noticed by its next renewal.
  assert.ok(stopped[0]! <= 16 * SECOND, `${stopped[0]} ms`);
  assert.equal(await holderOf(records), 'elsewhere');
  await releaseLease(records, 'elsewhere');
  assert.equal(await working, 'done');
  assert.equal(new Set(tokens).size, 2);
  assert.match(said[0]!, /another run has taken over; waiting for it/);
  assert.match(said[1]!, /process 7 on elsewhere: waiting/);
  assert.equal(await holderOf(records), undefined);
});

test('work that the user stops does not start again', async (t) => {
  mockClock(t);
  const records = createMemoryStore();
  const stop = new AbortController();
  let calls = 0;
  const working = withLease(records, { signal: stop.signal }, async (_, signal) => {
    calls += 1;
    while (!signal.aborted) await ambient.sleep(100);
    throw new StoppedError('stopped');
  });
  const ended = assert.rejects(working, StoppedError);
  await ambient.sleep(SECOND);
  stop.abort();
  await ended;
  assert.deepEqual([calls, await holderOf(records)], [1, undefined]);
});

/** A whole run under the lease of a process, as in the local runner. */
async function runLocally(
  raw: ObjectStore,
  records: ObjectStore,
  options: AcquireOptions = {},
): Promise<void> {
  const run = createTaskRunner({ raw, records });
  await withLease(records, options, (token) =>
    runPlans(
      { raw, records },
      SETTINGS,
      token,
      { maxRejected: 0, ...(options.observer && { observer: options.observer }) },
      (step, plan, index) => run({ step, plan, index }),
    ),
  );
}

test('a machine that sleeps past its lease while planning finds the work of another run, and nothing is added twice', async (t) => {
  const clock = mockClock(t);
  const { raw, records } = memoryDatasets()('tiny');
  await writeDataset(raw, 20);
  let host = 'laptop';
  t.mock.method(ambient, 'host', () => host);
  let listings = 0;
  const sleeping: ObjectStore = {
    ...raw,
    async *list(prefix) {
      const infos: ObjectInfo[] = [];
      for await (const info of raw.list(prefix)) infos.push(info);
      listings += 1;
      if (listings === 1) {
        const wake = clock.suspend();
        host = 'server';
        await runLocally(raw, records);
        host = 'laptop';
        wake();
      }
      yield* infos;
    },
  };
  const { said, options } = listen();
  await runLocally(sleeping, records, options);
  assert.ok(clock.elapsed() >= 30 * SECOND);
  assert.ok(
    said.some((line) => line.includes('another run has taken over')),
    said.join('\n'),
  );
  assert.match(said.at(-1)!, /is already complete/);
  const { content, lease, plan } = await readManifest(records);
  assert.deepEqual(
    [content?.plans.length, content?.shards.length, lease, plan],
    [1, 3, undefined, undefined],
  );
});

test('a machine that sleeps past its lease between its shards finishes what is left, if anything', async (t) => {
  const clock = mockClock(t);
  const { raw, records } = memoryDatasets()('tiny');
  await writeDataset(raw, 20);
  let host = 'laptop';
  t.mock.method(ambient, 'host', () => host);
  let slept = false;
  const sleeping: ObjectStore = {
    ...records,
    async write(key, ...rest) {
      if (key.startsWith('train-00001') && !slept) {
        slept = true;
        const wake = clock.suspend();
        host = 'server';
        await runLocally(raw, records);
        host = 'laptop';
        wake();
      }
      return records.write(key, ...rest);
    },
  };
  await runLocally(raw, sleeping);
  assert.equal(slept, true);
  const { content, lease, plan } = await readManifest(records);
  assert.deepEqual(
    [content?.plans.length, content?.shards.length, lease, plan],
    [1, 3, undefined, undefined],
  );
  assert.deepEqual(await needNothing(raw, records), 20);
});

/** Runs once more, which must find nothing to do. Returns the number of records. */
async function needNothing(raw: ObjectStore, records: ObjectStore): Promise<number> {
  const { said, options } = listen();
  await runLocally(raw, records, options);
  assert.match(said.at(-1)!, /is already complete/);
  const { content } = await readManifest(records);
  return content!.shards.reduce((sum, shard) => sum + shard.records, 0);
}

const CLOUD_SETTINGS = { ...SETTINGS, maxRejected: 0, trainAfterRun: false };

test('a local run waits for a run in the cloud, says for which one and until when, and continues when that one has ended', async (t) => {
  mockClock(t);
  const open = memoryDatasets();
  const stores = open('tiny');
  await writeDataset(stores.raw, 20);
  const event = { dataset: 'tiny', execution: 'arn:of-a-run' };
  const context = { getRemainingTimeInMillis: () => 60_000 };
  const planning = createPlan(
    open,
    () => CLOUD_SETTINGS,
    async () => true,
  );
  const { id, resumed } = await planning(event, context);
  const { said, options } = listen();
  let ended = false;
  const local = runLocally(stores.raw, stores.records, options).then(() => {
    ended = true;
  });
  await ambient.sleep(60 * SECOND);
  await assert.rejects(
    withLease(stores.records, { patience: 0 }, async () => assert.fail('it got the lease')),
    isBusy(/being written by arn:of-a-run\. Wait for it, or stop it/),
  );
  await runSteps(stores, await readPlan(stores.records, id));
  assert.equal(ended, false);
  await createFinalize(open, () => 0)({ ...event, plan: id, resumed });
  await local;
  assert.equal(said.length, 2);
  assert.match(
    said[0]!,
    /being written by arn:of-a-run: waiting for it to end, or until \d\d:\d\d:\d\d if it/,
  );
  assert.match(said[1]!, /is already complete/);
});

test('a run in the cloud is told to retry while a local run is at work', async (t) => {
  mockClock(t);
  const open = memoryDatasets();
  const { raw, records } = open('tiny');
  await writeDataset(raw, 20);
  const planning = createPlan(
    open,
    () => CLOUD_SETTINGS,
    async () => true,
  );
  const plan = () =>
    planning({ dataset: 'tiny', execution: 'first' }, { getRemainingTimeInMillis: () => 60_000 });
  await withLease(records, {}, async () => {
    assert.equal((await plan()).busy, true);
  });
  assert.equal((await plan()).shardCount, 3);
});

test('a local run that must not wait names the holder, and changes nothing', async (t) => {
  const [raw, records] = [join(scratch(t), 'raw'), join(scratch(t), 'records')];
  await writeDataset(createFileStore(raw), 4);
  const store = createFileStore(records);
  await acquireLease(store, executionLease('arn:of-a-run'));
  const before = await readManifest(store);
  const settings = { ...SETTINGS, maxRejected: 0, wait: false };
  await assert.rejects(preprocessDataset(raw, records, settings), isBusy(/written by arn:of-a-run/));
  assert.deepEqual(await readManifest(store), before);
});

test('work that fails because another run has taken over, before a renewal notices, starts again', async (t) => {
  mockClock(t);
  const records = createMemoryStore();
  let calls = 0;
  const working = withLease(records, {}, async () => {
    calls += 1;
    if (calls === 2) return 'done';
    // Another run takes over, finishes the plan and removes the files that only the plan needs.
    await changeManifest(records, ({ lease: _, ...rest }) => ({
      ...rest,
      lease: { ...processLease(), token: 'elsewhere', host: 'elsewhere', expires: ambient.now() + 30_000 },
    }));
    void ambient.sleep(10_000).then(() => releaseLease(records, 'elsewhere'));
    throw new NotFoundError('_work/a-plan/plan.json');
  });
  assert.equal(await working, 'done');
});
