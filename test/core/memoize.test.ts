import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoize, memoizeLatest } from '../../src/core/memoize.ts';

test('a value is made once for each name, and again after it was pushed out', () => {
  const made: string[] = [];
  const make = (name: string) => {
    made.push(name);
    return { name };
  };
  const each = memoize(make);
  assert.equal(each('a'), each('a'));
  assert.notEqual(each('a'), each('b'));
  assert.deepEqual(made.splice(0), ['a', 'b']);
  const latest = memoizeLatest(make);
  for (const name of ['a', 'a', 'b', 'b', 'a']) assert.equal(latest(name).name, name);
  assert.deepEqual(made, ['a', 'b', 'a']);
});

test('concurrent calls share one promise, and a rejected one is not kept', async () => {
  let calls = 0;
  const read = memoize(async (name) => {
    calls += 1;
    if (calls === 1) throw new Error('SlowDown');
    return name;
  });
  const both = await Promise.allSettled([read('a'), read('a')]);
  assert.deepEqual([calls, both.map(({ status }) => status)], [1, ['rejected', 'rejected']]);
  assert.equal(await read('a'), 'a');
  assert.equal(await read('a'), 'a');
  assert.equal(calls, 2);
});
