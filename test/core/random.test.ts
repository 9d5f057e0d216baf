import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandomStream, createXoshiro128, mix32 } from '../../src/core/random.ts';

test('xoshiro128** gives its published sequence', () => {
  // From state 1, 2, 3, 4: the test vectors of Rust's rand_xoshiro, made with the authors' C code.
  const next = createXoshiro128([1, 2, 3, 4]);
  assert.deepEqual(Array.from({ length: 6 }, next), [11520, 0, 5927040, 70819200, 2031721883, 1637235492]);
});

test('the 32-bit mix is the finalizer of MurmurHash3', () => {
  assert.deepEqual([0, 1].map(mix32), [0, 0x514e28b7]);
});

test('a stream depends on seed, index and purpose', () => {
  const names: [number, number, number][] = [
    [0, 0, 0],
    [1, 0, 0],
    [2 ** 32, 0, 0],
    [0, 1, 0],
    [0, 2 ** 32, 0],
    [0, 0, 1],
  ];
  const first = names.map((name) => createRandomStream(...name).uniform(0, 1));
  assert.equal(new Set(first).size, names.length);
  assert.deepEqual(
    names.map((name) => createRandomStream(...name).uniform(0, 1)),
    first,
  );
});

test('uniform numbers fill their range evenly', () => {
  const stream = createRandomStream(1, 2, 3);
  const counts = new Array<number>(16).fill(0);
  for (let i = 0; i < 160_000; i++) counts[Math.floor(stream.uniform(0, 16))]! += 1;
  const chiSquare = counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0);
  // 15 degrees of freedom: the probability of more than 44 is 1e-4.
  assert.ok(chiSquare < 44, `${chiSquare}`);
});

test('normal numbers have the moments of a normal distribution, and pairs are independent', () => {
  const stream = createRandomStream(4, 5, 6);
  const pair = new Float64Array(2);
  const sums = { one: 0, two: 0, four: 0, product: 0 };
  const count = 100_000;
  for (let i = 0; i < count; i++) {
    stream.normalPair(pair, 0);
    const [x, y] = [pair[0]!, pair[1]!];
    sums.one += x;
    sums.two += x ** 2;
    sums.four += x ** 4;
    sums.product += x * y;
  }
  assert.ok(Math.abs(sums.one / count) < 4 / Math.sqrt(count));
  assert.ok(Math.abs(sums.two / count - 1) < 4 * Math.sqrt(2 / count));
  assert.ok(Math.abs(sums.four / count - 3) < 4 * Math.sqrt(96 / count));
  assert.ok(Math.abs(sums.product / count) < 4 / Math.sqrt(count));
});

test('streams of neighbouring indices are independent', () => {
  let product = 0;
  const count = 20_000;
  for (let index = 0; index < count; index++) {
    product += createRandomStream(7, index, 0).normal() * createRandomStream(7, index + 1, 0).normal();
  }
  assert.ok(Math.abs(product / count) < 4 / Math.sqrt(count), `${product / count}`);
});
