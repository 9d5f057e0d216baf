import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batchStatistics, seededUniform } from '../../src/model/operations.ts';
import { largestDifference, tf } from './tensorflow.ts';

/** Mean and population variance of each of `channels` in double precision. */
function plainStatistics(values: Float32Array, channels: number): number[][] {
  const rows = values.length / channels;
  return Array.from({ length: channels }, (_, c) => {
    const mean = values.reduce((sum, value, i) => (i % channels === c ? sum + value : sum), 0) / rows;
    const squares = values.reduce((sum, v, i) => (i % channels === c ? sum + (v - mean) ** 2 : sum), 0);
    return [mean, squares / rows];
  });
}

for (const shape of [
  [2, 2 ** 17, 3],
  [5, 7, 3],
]) {
  test(`statistics of ${shape.join(' x ')} numbers are those of each channel, to 2e-6`, () => {
    const x = tf.randomNormal(shape, 0.5, 2, 'float32', 1);
    const { mean, variance } = batchStatistics(tf, x);
    const expected = plainStatistics(x.dataSync() as Float32Array, 3);
    const [means, variances] = [expected.map(([mean]) => mean!), expected.map(([, variance]) => variance!)];
    assert.ok(largestDifference(mean.dataSync(), means) <= 2 * 2e-6);
    assert.ok(largestDifference(variance.dataSync(), variances) <= 4 * 2e-6);
    assert.ok(largestDifference(variance.dataSync(), variances.toReversed()) > 4 * 2e-6);
  });
}

test('uniform numbers depend on both parts of their seed and on nothing else, and fill [0, 1)', () => {
  const draw = (a: number, b: number) => [
    ...seededUniform(tf, [10_000], tf.tensor1d([a, b], 'int32')).dataSync(),
  ];
  const numbers = draw(1, 2);
  assert.deepEqual(draw(1, 2), numbers);
  assert.notDeepEqual(draw(1, 3), numbers);
  assert.notDeepEqual(draw(2, 2), numbers);
  assert.ok(numbers.every((value) => value >= 0 && value < 1));
  const mean = numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
  assert.ok(Math.abs(mean - 0.5) < 0.015, `mean ${mean}`);
});
