import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandomStream } from '../../src/core/random.ts';
import { aucInterval } from '../../src/training/fit/auc-interval.ts';
import { areaUnderRoc } from '../../src/training/fit/metrics.ts';

/** Labels and probabilities from the number of noise samples and of signals at each of a few probabilities. */
function fromCounts(noise: readonly number[], signals: readonly number[]) {
  const repeated = (counts: readonly number[]) =>
    counts.flatMap((count, level) => Array.from({ length: count }, () => level / counts.length));
  const [low, high] = [repeated(noise), repeated(signals)];
  return {
    labels: Uint8Array.from([...low, ...high], (_, i) => (i < low.length ? 0 : 1)),
    probabilities: Float32Array.from([...low, ...high]),
  };
}

test('the interval is the published one for the ratings of 109 CT images', () => {
  // J. Hanley, B. McNeil, "The meaning and use of the area under a ROC curve", Radiology 143 (1982), table I: images without
  // and with a lesion, by rating. The interval is that of Stata's manual, [R] roctab, for these data.
  const { labels, probabilities } = fromCounts([33, 6, 6, 11, 2], [3, 2, 2, 11, 33]);
  const { low, high } = aucInterval(labels, probabilities)!;
  assert.deepEqual(
    [areaUnderRoc(labels, probabilities)!.toFixed(4), low.toFixed(5), high.toFixed(5)],
    ['0.8932', '0.83295', '0.95339'],
  );
});

test('95 % of the intervals contain the true AUC, and fewer of intervals half as wide', () => {
  // Normal scores whose means differ by 1: the AUC is the normal distribution function at 1 / sqrt(2).
  const truth = 0.7602499;
  const random = createRandomStream(5, 0, 0);
  const trials = 2000;
  let [inside, insideHalf] = [0, 0];
  for (let trial = 0; trial < trials; trial++) {
    const labels = Uint8Array.from({ length: 150 }, (_, i) => (i % 3 === 0 ? 1 : 0));
    const scores = Float32Array.from(labels, (label) => label + random.normal());
    const { low, high } = aucInterval(labels, scores)!;
    const distance = Math.abs(truth - (low + high) / 2) / ((high - low) / 2);
    if (distance <= 1) inside++;
    if (distance <= 0.5) insideHalf++;
  }
  // The standard deviation of the share is 0.5 %; for so few samples the method is known to cover slightly less.
  assert.ok(Math.abs(inside / trials - 0.95) < 0.02, `${inside / trials}`);
  assert.ok(insideHalf / trials < 0.75, `${insideHalf / trials}`);
});

test('an interval ends at 1', () => {
  const { labels, probabilities } = fromCounts([5, 1, 0], [0, 0, 6]);
  const close = fromCounts([5, 1, 0], [0, 1, 6]);
  assert.equal(aucInterval(close.labels, close.probabilities)!.high, 1);
  assert.equal(aucInterval(labels, probabilities), null);
});

test('there is no interval where the samples tell nothing about the variance', () => {
  for (const [noise, signals] of [
    [
      [3, 0],
      [0, 3],
    ],
    [
      [0, 3],
      [3, 0],
    ],
    [[3], [3]],
    [
      [0, 1, 0],
      [2, 0, 2],
    ],
    [
      [2, 0, 2],
      [0, 1, 0],
    ],
    [
      [2, 2],
      [0, 0],
    ],
    [
      [0, 0],
      [2, 2],
    ],
  ] as const) {
    const { labels, probabilities } = fromCounts(noise, signals);
    assert.equal(aucInterval(labels, probabilities), null, JSON.stringify([noise, signals]));
  }
});
