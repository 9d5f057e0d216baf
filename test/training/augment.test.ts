import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Tensor1D, Tensor3D } from '@tensorflow/tfjs-node-gpu';
import { SAMPLE_LENGTH } from '../../src/core/strain.ts';
import { flooredTaper } from '../../src/signal/sample-taper.ts';
import { type Augmentation, augment } from '../../src/training/engine/augment.ts';
import { DEFAULTS } from '../../src/training/settings.ts';
import { tf } from '../model/tensorflow.ts';

const NONE: Augmentation = DEFAULTS.diy;
const SIZE = 200;
const CENTRE = SAMPLE_LENGTH / 2;

/** In sample i, detector d is `i + 1 + 1000 d` at the centre and 0 elsewhere. */
function makePulses(): { signals: Tensor3D; labels: Tensor1D } {
  const values = new Float32Array(SIZE * 3 * SAMPLE_LENGTH);
  for (let row = 0; row < SIZE * 3; row++)
    values[row * SAMPLE_LENGTH + CENTRE] = Math.floor(row / 3) + 1 + 1000 * (row % 3);
  return {
    signals: tf.tensor3d(values, [SIZE, 3, SAMPLE_LENGTH]),
    labels: tf.tensor1d(Float32Array.from({ length: SIZE }, (_, i) => i % 2)),
  };
}

/** The values of all rows, and the labels. */
function change(settings: Partial<Augmentation>, seed: [number, number] = [1, 1]) {
  let values = new Float32Array();
  let labels = new Float32Array();
  tf.tidy(() => {
    const changed = augment(tf, makePulses(), tf.tensor1d(seed, 'int32'), { ...NONE, ...settings });
    values = Float32Array.from(changed.signals.dataSync());
    labels = Float32Array.from(changed.labels.dataSync());
  });
  const row = (sample: number, detector: number) => {
    const start = (sample * 3 + detector) * SAMPLE_LENGTH;
    return values.subarray(start, start + SAMPLE_LENGTH);
  };
  return { row, values, labels };
}

/** Where the one pulse of a row is, and its height. */
function findPulse(row: Float32Array): { at: number; height: number } {
  const at = row.findIndex((value) => value !== 0);
  assert.ok(row.subarray(at + 1).every((value) => value === 0));
  return { at, height: row[at]! };
}

const samples = Array.from({ length: SIZE }, (_, i) => i);

test('without augmentation nothing changes', () => {
  assert.deepEqual(change({}).values, makePulses().signals.dataSync());
});

test('all detectors of a sample are shifted equally, by up to the time given, in both directions', () => {
  const { row } = change({ time_shift: 20 });
  const shifts = samples.map((i) => findPulse(row(i, 0)).at - CENTRE);
  for (const i of samples)
    for (const d of [1, 2])
      assert.deepEqual(findPulse(row(i, d)), { at: CENTRE + shifts[i]!, height: i + 1 + 1000 * d });
  // 20 ms are 41 points.
  assert.ok(shifts.every((shift) => Math.abs(shift) <= 41));
  assert.ok(Math.max(...shifts) > 30 && Math.min(...shifts) < -30 && new Set(shifts).size > 50);
  const late = change({ time_shift: 900 });
  assert.ok(samples.some((i) => Math.abs(findPulse(late.row(i, 2)).at - CENTRE) > 1000));
});

test('a shift moves the source under the tapers, which stay', () => {
  const taper = flooredTaper();
  const late = change({ time_shift: 900 });
  const pulses = samples.map((i) => findPulse(late.row(i, 0)));
  for (const [i, { at, height }] of pulses.entries()) {
    const expected = (i + 1) * taper[at]!;
    assert.ok(Math.abs(height / expected - 1) < 1e-5, `${at}: ${height} ${expected}`);
  }
  assert.ok(pulses.some(({ at }) => taper[at]! < 0.5));
});

test('recombined noise samples take each detector from noise samples in an order of its own; signals stay', () => {
  const { row, labels } = change({ recombine: true });
  assert.deepEqual(labels, makePulses().labels.dataSync());
  const source = (i: number, d: number) => findPulse(row(i, d)).height - 1 - 1000 * d;
  const noise = samples.filter((i) => i % 2 === 0);
  for (const i of samples.filter((i) => i % 2 === 1))
    for (const d of [0, 1, 2]) assert.equal(source(i, d), i);
  for (const d of [0, 1, 2])
    assert.deepEqual(
      noise.map((i) => source(i, d)).sort((a, b) => a - b),
      noise,
    );
  // Of 100 samples, one keeps two detectors together on average.
  for (const [d, other] of [
    [0, 1],
    [0, 2],
    [1, 2],
  ] as const)
    assert.ok(noise.filter((i) => source(i, d) === source(i, other)).length < 8);
  assert.notDeepEqual(change({ recombine: true }, [1, 2]).values, change({ recombine: true }).values);
});

test('half of the samples change their sign, and half have H1 and L1 swapped; V1 stays', () => {
  const flipped = change({ sign_flip: true });
  const signs = samples.map((i) => Math.sign(findPulse(flipped.row(i, 0)).height));
  for (const i of samples)
    for (const d of [0, 1, 2])
      assert.equal(findPulse(flipped.row(i, d)).height, signs[i]! * (i + 1 + 1000 * d));
  const swapped = change({ detector_swap: true });
  const swaps = samples.filter((i) => {
    const [h1, l1, v1] = [0, 1, 2].map((d) => findPulse(swapped.row(i, d)).height);
    assert.equal(v1, i + 1 + 2000);
    assert.equal(h1! + l1!, 2 * (i + 1) + 1000);
    return h1! > l1!;
  });
  // Six standard deviations of a fair coin.
  for (const count of [signs.filter((sign) => sign < 0).length, swaps.length])
    assert.ok(Math.abs(count - SIZE / 2) < 43, String(count));
});

test('a time mask sets one part of all detectors to 0, of any length up to the share given, anywhere', () => {
  const ones = { signals: tf.ones([SIZE, 3, SAMPLE_LENGTH]) as Tensor3D, labels: makePulses().labels };
  const settings = { ...NONE, time_mask: 0.03 };
  const masked = tf.tidy(() => augment(tf, ones, tf.tensor1d([1, 1], 'int32'), settings).signals.dataSync());
  const parts = samples.map((i) => {
    const [row, ...others] = [0, 1, 2].map((d) => {
      const start = (i * 3 + d) * SAMPLE_LENGTH;
      return masked.subarray(start, start + SAMPLE_LENGTH);
    });
    for (const other of others) assert.deepEqual(other, row);
    const length = row!.filter((value) => value === 0).length;
    const at = row!.indexOf(0);
    if (length > 0) assert.equal(row!.lastIndexOf(0), at + length - 1);
    assert.equal(row!.filter((value) => value === 1).length, SAMPLE_LENGTH - length);
    return { at, length };
  });
  const lengths = parts.map(({ length }) => length);
  // 3 % are 122.88 points.
  assert.ok(Math.max(...lengths) <= 123 && Math.max(...lengths) > 110 && Math.min(...lengths) < 12);
  assert.ok(parts.some(({ at }) => at < 400) && parts.some(({ at }) => at > 3600));
});

test('noise has the given standard deviation under the tapers, and differs between rows', () => {
  const { row } = change({ noise: 0.5 });
  const taper = flooredTaper();
  const noise = row(0, 0)
    .map((value, t) => value / taper[t]!)
    .filter((_, t) => t !== CENTRE);
  const deviation = Math.sqrt(noise.reduce((sum, value) => sum + value ** 2, 0) / noise.length);
  assert.ok(Math.abs(deviation - 0.5) < 0.03, String(deviation));
  assert.notDeepEqual(row(0, 1).subarray(0, 50), row(0, 0).subarray(0, 50));
});

test('mixup mixes a sample and its label with another sample and label in the same ratio', () => {
  const { row, labels } = change({ mixup: 0.4 });
  let mixed = 0;
  for (const i of samples) {
    const other = SIZE - 1 - i;
    // Of pulses i + 1 and other + 1.
    const share = (findPulse(row(i, 0)).height - (other + 1)) / (i - other);
    assert.ok(share >= -1e-4 && share <= 1 + 1e-4, String(share));
    const expected = share * (i % 2) + (1 - share) * (other % 2);
    assert.ok(Math.abs(labels[i]! - expected) < 1e-3);
    if (share > 0.1 && share < 0.9) mixed++;
  }
  // A beta distribution of alpha 0.4 has 45 % of its weight there.
  assert.ok(mixed > 0.3 * SIZE && mixed < 0.6 * SIZE, String(mixed));
});

test('equal seeds give equal changes, and other seeds give others', () => {
  const settings = { time_shift: 20, sign_flip: true, detector_swap: true, noise: 0.1, mixup: 0.4 };
  const { values } = change(settings);
  assert.deepEqual(change(settings).values, values);
  assert.notDeepEqual(change(settings, [1, 2]).values, values);
  assert.notDeepEqual(change(settings, [2, 1]).values, values);
});
