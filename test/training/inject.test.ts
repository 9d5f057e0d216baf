import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Tensor1D, Tensor3D } from '@tensorflow/tfjs-node-gpu';
import { createRandomStream } from '../../src/core/random.ts';
import { SAMPLE_LENGTH, SAMPLE_SIZE } from '../../src/core/strain.ts';
import { createJavaScriptEngine } from '../../src/signal/engines/javascript.ts';
import { createSignalsEngine } from '../../src/signal/engines/linear-path.ts';
import { createPreprocessor } from '../../src/signal/preprocessor.ts';
import { type Injection, inject } from '../../src/training/engine/inject.ts';
import { tf } from '../model/tensorflow.ts';

const SNR: Injection = { snr: 'uniform', snr_median: 7.5, snr_sigma: 0.5, snr_min: 5, snr_max: 15 };
const SIZE = 400;
/** Rows are short, since the injection doesn't depend on their length. */
const LENGTH = 8;

/**
 * Samples whose detector d has the value `i + 1 + 1000 d` at its first point and its negative at the second; those of odd
 * number have a signal. The signals to inject are 1 at the third point, and -1 at the fourth.
 */
function makeBatch(size: number) {
  const noise = new Float32Array(size * 3 * LENGTH);
  const signals = new Float32Array(noise.length);
  for (let row = 0; row < size * 3; row++) {
    const value = Math.floor(row / 3) + 1 + 1000 * (row % 3);
    noise.set([value, -value], row * LENGTH);
    signals.set([0, 0, 1, -1], row * LENGTH);
  }
  return { noise, signals, labels: Float32Array.from({ length: size }, (_, i) => i % 2) };
}

/** For each sample: its label, the numbers of the samples that its detectors come from, and the SNR. */
function injectAll(settings: Partial<Injection>, size = SIZE, seed = 1) {
  const batch = makeBatch(size);
  let values = new Float32Array();
  let labels = new Float32Array();
  tf.tidy(() => {
    const made = inject(
      tf,
      {
        signals: tf.tensor3d(batch.noise, [size, 3, LENGTH]),
        labels: tf.tensor1d(batch.labels),
      },
      tf.tensor3d(batch.signals, [size, 3, LENGTH]) as Tensor3D,
      (purpose): Tensor1D => tf.tensor1d([seed, purpose], 'int32'),
      { ...SNR, ...settings },
    );
    values = Float32Array.from(made.signals.dataSync());
    labels = Float32Array.from(made.labels.dataSync());
  });
  return Array.from(labels, (label, i) => {
    const rows = [0, 1, 2].map((d) => values.subarray((i * 3 + d) * LENGTH, (i * 3 + d + 1) * LENGTH));
    return { label, rows };
  });
}

/** The ratio of the signal's amplitude to that of the noise, which normalization keeps. */
const ratio = (row: Float32Array) => row[2]! / row[0]!;

test('half of the samples get a signal, whose SNR has the distribution of the settings', () => {
  // The noise of a sample is known up to its number, so the SNR follows from whole numbers.
  const snrs = (settings: Partial<Injection>) =>
    injectAll(settings).flatMap(({ label, rows }) => {
      // A noise sample of number n in H1 and m in L1 has the ratios snr / n and snr / (1000 + m), n and m odd.
      if (label === 0) {
        for (const row of rows) assert.equal(row[2], 0);
        return [];
      }
      return [rows.map(ratio)];
    });
  const uniform = snrs({});
  assert.ok(Math.abs(uniform.length - SIZE / 2) < 60);
  // In V1 the numbers are 2001 to 2399: the SNR is known to a tenth.
  const ofV1 = uniform.map(([, , v1]) => v1! * 2200);
  assert.ok(Math.min(...ofV1) > 4 && Math.max(...ofV1) < 17);
  assert.ok(Math.min(...ofV1) < 6.5 && Math.max(...ofV1) > 13);
  const fixed = snrs({ snr: 'lognormal', snr_sigma: 0 }).map(([h1]) => 7.5 / h1!);
  for (const number of fixed) {
    assert.ok(Math.abs(number - Math.round(number)) < 1e-3 * number, String(number));
    assert.equal(Math.round(number) % 2, 1, 'a noise sample');
  }
  const spread = snrs({ snr: 'lognormal', snr_sigma: 3, snr_min: 6, snr_max: 9 }).map(
    ([, , v1]) => v1! * 2200,
  );
  assert.ok(Math.min(...spread) > 5 && Math.max(...spread) < 10.5);
});

test('each noise sample is used about as often as any other, in each detector in another order', () => {
  const made = injectAll({ snr: 'lognormal', snr_sigma: 0, snr_min: 7.5, snr_max: 7.5 }).filter(
    ({ label }) => label === 1,
  );
  const numbers = (d: number) => made.map(({ rows }) => Math.round(7.5 / ratio(rows[d]!)) - 1000 * d);
  const [h1, l1, v1] = [0, 1, 2].map(numbers) as [number[], number[], number[]];
  for (const used of [h1, l1, v1]) {
    const times = new Map<number, number>();
    for (const number of used) times.set(number, (times.get(number) ?? 0) + 1);
    assert.ok(Math.max(...times.values()) <= 2);
    assert.ok(times.size > 100);
  }
  assert.ok(h1.filter((number, i) => number === l1[i] || number === v1[i]).length < 10);
});

test('samples have mean 0 and deviation 1 in each detector', () => {
  for (const { rows } of injectAll({}, 20))
    for (const row of rows) {
      const mean = row.reduce((sum, x) => sum + x, 0) / LENGTH;
      const square = row.reduce((sum, x) => sum + x * x, 0) / LENGTH;
      assert.ok(Math.abs(mean) < 1e-6 && Math.abs(square - 1) < 1e-5);
    }
});

test('normalizing preprocessed noise plus a preprocessed signal is preprocessing the sum of their strains', () => {
  const psd = new Float64Array(3 * 2049).fill(1e-46);
  const random = createRandomStream(1, 1, 1);
  const noise = Float64Array.from({ length: SAMPLE_SIZE }, () => 1e-21 * random.normal());
  const signal = Float64Array.from(noise, (_, i) => 1e-22 * Math.sin((i % SAMPLE_LENGTH) ** 2 / 4e4));
  const amplitude = 7;
  const run = (engine: Parameters<typeof createPreprocessor>[1], strain: Float64Array) => {
    const out = new Float32Array(SAMPLE_SIZE);
    assert.equal(createPreprocessor(psd, engine).process(strain, out), undefined);
    return out;
  };
  const sum = run(
    createJavaScriptEngine(),
    noise.map((n, i) => n + amplitude * signal[i]!),
  );
  // The noise as a sample is normalized, so that its scale in each detector is that of its own deviation.
  const [ofNoise, linear] = [noise, signal].map((strain) => run(createSignalsEngine(), strain));
  const normal = run(createJavaScriptEngine(), noise);
  let values = new Float32Array();
  tf.tidy(() => {
    const parts = [0, 1, 2].map((d) => {
      const at = d * SAMPLE_LENGTH;
      const deviation = deviationOf(ofNoise!.subarray(at, at + SAMPLE_LENGTH));
      return linear!.subarray(at, at + SAMPLE_LENGTH).map((x) => x / deviation);
    });
    const scaled = Float32Array.from(parts.flatMap((part) => [...part]));
    const shape: [number, number, number] = [1, 3, SAMPLE_LENGTH];
    // Half of the seeds give a signal.
    for (let seed = 1; ; seed++) {
      const made = inject(
        tf,
        { signals: tf.tensor3d(normal, shape), labels: tf.tensor1d([0]) },
        tf.tensor3d(scaled, shape),
        (purpose) => tf.tensor1d([seed, purpose], 'int32'),
        { ...SNR, snr_min: amplitude, snr_max: amplitude },
      );
      if (made.labels.dataSync()[0] === 0) continue;
      values = Float32Array.from(made.signals.dataSync());
      break;
    }
  });
  const worst = values.reduce((most, x, i) => Math.max(most, Math.abs(x - sum[i]!)), 0);
  assert.ok(worst < 3e-5, String(worst));
});

function deviationOf(row: Float32Array): number {
  const mean = row.reduce((sum, x) => sum + x, 0) / row.length;
  return Math.sqrt(row.reduce((sum, x) => sum + (x - mean) ** 2, 0) / row.length);
}
