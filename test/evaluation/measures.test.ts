import assert from 'node:assert/strict';
import { test } from 'node:test';
import { efficiencyBins } from '../../src/evaluation/efficiency.ts';
import { measure } from '../../src/evaluation/evaluation.ts';
import { formatMeasures } from '../../src/evaluation/evaluation-table.ts';
import { type OperatingPoint, operatingPoint, partialAuc } from '../../src/training/fit/false-alarms.ts';
import { areaUnderRoc } from '../../src/training/fit/metrics.ts';
import { proportion } from '../../src/training/fit/proportion.ts';
import { normal } from '../artifacts/made-up.ts';

const close = (actual: number, expected: number, tolerance = 1e-12) =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`);

/** Samples by descending logit: 1 a signal, 0 noise, and equal logits in one group. */
function ranked(...groups: string[]) {
  const labels = Uint8Array.from([...groups.join('')], Number);
  const logits = Float32Array.from(groups.flatMap((group, i) => Array.from(group, () => 10 - i)));
  return { labels, logits };
}

test("the interval of a share is Wilson's, as published", () => {
  // R. Newcombe, "Two-sided confidence intervals for the single proportion", Stat. Med. 17 (1998), table I, method 3.
  for (const [count, of, low, high] of [
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ] as const) {
    const { share, interval } = proportion(count, of);
    close(share, count / of);
    close(interval.low, low, 5e-5);
    close(interval.high, high, 5e-5);
  }
  assert.equal(proportion(20, 20).interval.high, 1);
});

test('a threshold is the lowest whose false-alarm rate is not above the given one', () => {
  const { labels, logits } = ranked('1', '1', '0', '1', '0', '1', '00000000');
  assert.deepEqual(operatingPoint(labels, logits, 0.1), {
    far: 0.1,
    threshold: 7,
    false_alarms: 1,
    noise: 10,
    found: proportion(3, 4),
  });
  assert.equal((operatingPoint(labels, logits, 0.2) as OperatingPoint).found.count, 4);
});

test('equal logits count all or not at all', () => {
  const { labels, logits } = ranked('1', '1100', '00000000', '1');
  const { threshold, false_alarms, found } = operatingPoint(labels, logits, 0.1) as OperatingPoint;
  assert.deepEqual([threshold, false_alarms, found.count], [10, 0, 1]);
  const tied = ranked('110000000000');
  const none = operatingPoint(tied.labels, tied.logits, 0.1) as OperatingPoint;
  assert.deepEqual([none.threshold, none.false_alarms, none.found.share], [null, 0, 0]);
});

test('a false-alarm rate that the noise samples cannot resolve has a reason instead of a number', () => {
  const nine = ranked('1', '000000000');
  const reason = '9 noise samples, needed 10';
  assert.deepEqual(operatingPoint(nine.labels, nine.logits, 0.1), { far: 0.1, reason });
  assert.deepEqual(partialAuc(nine.labels, nine.logits, 0.1), { far: 0.1, reason });
  const noise = ranked('0000000000');
  assert.deepEqual(operatingPoint(noise.labels, noise.logits, 0.1), { far: 0.1, reason: 'no signal' });
});

test('logits of 20 and 30 give another threshold, although their probabilities are 1 in float32', () => {
  const labels = Uint8Array.from([1, ...new Array(10).fill(0)]);
  const found = (logits: Float32Array) =>
    (operatingPoint(labels, logits, 0.1) as OperatingPoint).false_alarms;
  const logits = Float32Array.from([30, ...new Array(10).fill(20)]);
  assert.equal((operatingPoint(labels, logits, 0.1) as OperatingPoint).found.count, 1);
  assert.equal(found(logits), 0);
  const probabilities = logits.map((logit) => 1 / (1 + Math.exp(-logit)));
  assert.equal((operatingPoint(labels, probabilities, 0.1) as OperatingPoint).found.count, 0);
});

test('the partial AUC is the area that a drawing gives', () => {
  const value = (of: ReturnType<typeof ranked>, far: number) => {
    const partial = partialAuc(of.labels, of.logits, far);
    return 'value' in partial ? partial.value : Number.NaN;
  };
  // Recall 1/2 for the first noise sample of ten, then 1.
  const steps = ranked('1', '0', '1', '000000000');
  close(value(steps, 0.1), 0.5);
  close(value(steps, 0.2), 0.75);
  // A line from (0, 0) to (0.4, 1): at 0.2 half the triangle's height.
  const tied = ranked('110000', '000000');
  close(value(tied, 0.2), 0.25);
  const noise = normal(4);
  const labels = Uint8Array.from({ length: 500 }, (_, i) => i % 2);
  const logits = Float32Array.from(labels, (label) => Math.round(4 * (label + noise())));
  close(value({ labels, logits }, 1), areaUnderRoc(labels, logits)!);
});

test('the efficiency counts each signal in its bin', () => {
  const values = [0, 1.9, 2, 7, 19.9, 20, 400];
  const logits = [1, 3, 2, 1, 3, 3, 1];
  const bins = efficiencyBins(values, logits, [2, 3, null], { perUnit: 0.5, last: 20 });
  assert.deepEqual(
    bins.map(({ from, to, found }) => [from, to, ...found.map(({ count, of }) => `${count}/${of}`)]),
    [
      [0, 2, '1/2', '1/2', '0/2'],
      [2, 4, '1/1', '0/1', '0/1'],
      [6, 8, '0/1', '0/1', '0/1'],
      [18, 20, '1/1', '1/1', '0/1'],
      [20, null, '1/2', '1/2', '0/2'],
    ],
  );
  const [bin] = efficiencyBins([1.9], [0], [0], { perUnit: 20, last: 2 });
  assert.deepEqual([bin!.from, bin!.to], [1.9, 1.95]);
});

/** Noise of logits 0 to 0.99 a hundred times, and signals of rising SNR whose logit is a tenth of it. */
function example() {
  const noise = Array.from({ length: 10_000 }, (_, i) => (i % 100) / 100);
  const snr = Array.from({ length: 30 }, (_, i) => i + 0.5);
  const labels = Uint8Array.from([...noise.map(() => 0), ...snr.map(() => 1)]);
  const logits = Float32Array.from([...noise, ...snr.map((value) => value / 10)]);
  const injected = [...noise.map(() => null), ...snr.map((value) => ({ snr: value, tc: value / 20 }))];
  return { labels, logits, injected };
}

test('the measures of samples agree with counting by hand', () => {
  const { labels, logits, injected } = example();
  const { recall_at_far, partial_auc, efficiency, ...others } = measure(labels, logits, injected);
  assert.deepEqual([others.records, others.signals, others.noise, others.recall], [10_030, 30, 10_000, 1]);
  // Of ten values of noise from 0.9 on, 0.95 and more of a signal beat those up to 0.94.
  assert.deepEqual(
    recall_at_far.map((point) => ('found' in point ? [point.false_alarms, point.found.count] : point.reason)),
    [
      [1000, 21],
      [100, 20],
      [0, 20],
      [0, 20],
    ],
  );
  close((partial_auc as { value: number }).value, 20 / 30);
  assert.deepEqual(efficiency!.far, [0.1, 0.01]);
  const counts = (bins: NonNullable<typeof efficiency>['snr']) =>
    bins.map(({ from, found }) => [from, ...found.map(({ count }) => count)]);
  assert.deepEqual(counts(efficiency!.snr).slice(3), [
    [6, 0, 0],
    [8, 1, 0],
    [10, 2, 2],
    [12, 2, 2],
    [14, 2, 2],
    [16, 2, 2],
    [18, 2, 2],
    [20, 10, 10],
  ]);
  assert.equal(
    efficiency!.tc.reduce((sum, { found }) => sum + found[0]!.of, 0),
    30,
  );
  assert.equal(measure(labels, logits).efficiency, undefined);
});

test('the table fits 80 columns', () => {
  const { labels, logits, injected } = example();
  const lines = formatMeasures(measure(labels, logits, injected)).split('\n');
  assert.ok(lines.length > 40 && lines.every((line) => line.length <= 80), lines.join('\n'));
  assert.ok(lines.some((line) => /^ {2}1e-2 +100 of 10000 +20 of 30 +0\.667 \(0\.488-0\.808\)$/.test(line)));
  const noise = formatMeasures(measure(Uint8Array.of(0), Float32Array.of(1)));
  assert.ok(
    noise.split('\n').every((line) => line.length <= 80),
    noise,
  );
  assert.match(noise, /^AUC undefined {2}loss 1\.3133$/m);
  assert.match(noise, /^ {2}1e-3 +undefined: 1 noise samples, needed 1000$/m);
});
