import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runSeeds } from './main.ts';
import { makeSamples } from './samples.ts';
import { simulate } from './scenario.ts';

test('in 500 worlds every input ends in one record or one rejected row, whatever fails', async () => {
  const reports = await runSeeds(0, 500, () => {});
  assert.equal(reports.length, 0, reports.join('\n\n'));
});

test('a seed is replayed exactly', async () => {
  const samples = await makeSamples();
  for (const seed of [7, 11]) {
    const [first, again] = [await simulate(samples, seed), await simulate(samples, seed)];
    assert.ok(first.trace.length > 50);
    assert.deepEqual(again, first);
  }
});
