import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ambient } from '../../src/core/ambient.ts';
import { retry } from '../../src/storage/retry.ts';

const always = () => true;

/** Records each sleep instead of sleeping, and fixes the random number. */
function watchSleep(t: TestContext, chance = 0.5): number[] {
  const sleeps: number[] = [];
  t.mock.method(ambient, 'random', () => chance);
  t.mock.method(ambient, 'sleep', async (ms: number) => void sleeps.push(ms));
  return sleeps;
}

/** Fails `failures` times, then resolves to the number of the call. */
function failing(failures: number) {
  let calls = 0;
  return async () => {
    calls += 1;
    if (calls <= failures) throw new Error(`failure ${calls}`);
    return calls;
  };
}

test('a call that succeeds is neither repeated nor delayed', async (t) => {
  const sleeps = watchSleep(t);
  assert.equal(await retry({ attempts: 3, pause: 100 }, always, failing(0)), 1);
  assert.deepEqual(sleeps, []);
});

test('each wait is a random part of a pause that grows with the attempts', async (t) => {
  const sleeps = watchSleep(t, 0.25);
  assert.equal(await retry({ attempts: 4, pause: 100 }, always, failing(3)), 4);
  assert.deepEqual(sleeps, [25, 50, 75]);
});

test('the error of the last attempt is thrown without waiting', async (t) => {
  const sleeps = watchSleep(t);
  await assert.rejects(retry({ attempts: 3, pause: 100 }, always, failing(9)), /failure 3/);
  assert.equal(sleeps.length, 2);
});

test('an error that is not retryable is thrown at once', async (t) => {
  const sleeps = watchSleep(t);
  const when = (error: unknown) => error instanceof Error && error.message !== 'failure 2';
  await assert.rejects(retry({ attempts: 9, pause: 100 }, when, failing(9)), /failure 2/);
  assert.equal(sleeps.length, 1);
});
