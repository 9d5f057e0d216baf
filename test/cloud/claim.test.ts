import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLAIM_KEY, claimRecords, isPlanning, releaseRecords } from '../../src/cloud/claim.ts';
import { ConflictError, PreconditionError } from '../../src/errors.ts';
import type { ObjectStore } from '../../src/storage/store.ts';
import { createMemoryStore } from '../support/memory-store.ts';

const nobody = async () => false;
const everybody = async () => true;

/** Its first write succeeds, but the answer is lost: what the SDK sends again finds the first one there. */
function losingAnswer(store: ObjectStore): ObjectStore {
  let lost = false;
  return {
    ...store,
    async write(key, ...rest) {
      const info = await store.write(key, ...rest);
      if (lost) return info;
      lost = true;
      throw new PreconditionError(key);
    },
  };
}

test('a claim whose answer got lost is still one of the execution that made it', async () => {
  const records = createMemoryStore();
  await claimRecords(losingAnswer(records), 'first', everybody);
  await assert.rejects(claimRecords(records, 'second', everybody), ConflictError);
  // Likewise that of one who takes over from an execution that has ended.
  await claimRecords(losingAnswer(records), 'second', nobody);
  await assert.rejects(claimRecords(records, 'first', everybody), /is being made by second/);
});

test('of two executions that claim at once one has the records, and the other is told which', async () => {
  const records = createMemoryStore();
  const answers = await Promise.allSettled([
    claimRecords(records, 'first', everybody),
    claimRecords(records, 'second', everybody),
  ]);
  const refused = answers.filter((answer) => answer.status === 'rejected');
  assert.equal(refused.length, 1);
  assert.ok(refused[0]!.reason instanceof ConflictError);
  assert.match(refused[0]!.reason.message, /is being made by (first|second)/);
});

test('a call plans from its claim until it gives up, whatever becomes of the others', async () => {
  const records = createMemoryStore();
  assert.equal(await isPlanning(records), false);
  const one = await claimRecords(records, 'first', everybody);
  const retry = await claimRecords(records, 'first', everybody);
  await one.giveUp();
  assert.equal(await isPlanning(records), true);
  // Stopped; its function may list on for a while.
  const next = await claimRecords(records, 'second', nobody);
  await next.giveUp();
  assert.equal(await isPlanning(records), true);
  await retry.giveUp();
  assert.equal(await isPlanning(records), false);
  await assert.rejects(claimRecords(records, 'third', everybody), /is being made by second/);
});

test('giving up twice, or when the claim is released, changes nothing', async () => {
  const records = createMemoryStore();
  const planning = await claimRecords(losingAnswer(records), 'first', everybody);
  await planning.giveUp();
  const before = await records.head(CLAIM_KEY);
  await planning.giveUp();
  assert.deepEqual(await records.head(CLAIM_KEY), before);
  await releaseRecords(records);
  await planning.giveUp();
  assert.equal(await records.head(CLAIM_KEY), undefined);
});

test('a call that was killed plans no longer than a function may run', async (t) => {
  t.mock.timers.enable({ apis: ['Date'] });
  const records = createMemoryStore();
  await claimRecords(records, 'first', everybody);
  t.mock.timers.tick(15 * 60_000);
  assert.equal(await isPlanning(records), true);
  t.mock.timers.tick(61_000);
  assert.equal(await isPlanning(records), false);
});
