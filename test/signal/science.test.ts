import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import FFT from 'fft.js';
import { SAMPLE_LENGTH, SAMPLE_SIZE, type Strain } from '../../src/core/strain.ts';
import { createBandpass } from '../../src/signal/bandpass.ts';
import { createPreprocessor } from '../../src/signal/preprocessor.ts';
import { averagePsd, createPsdEstimator } from '../../src/signal/psd.ts';
import { createWhitener } from '../../src/signal/whiten.ts';
import { tukey } from '../../src/signal/windows.ts';
import { createNormal, redNoise, whiteNoise } from './noise.ts';

const none = new Float64Array(SAMPLE_LENGTH).fill(1);

/** Mean power of one detector's points between two frequencies, by a transform of the full length. */
function bandPower(points: Float64Array, low: number, high: number): number {
  const fft = new FFT(SAMPLE_LENGTH);
  const spectrum = new Float64Array(2 * SAMPLE_LENGTH);
  fft.realTransform(spectrum, points);
  const bins = spectrum.subarray(4 * low, 4 * high);
  return bins.reduce((sum, value) => sum + value * value, 0) / (bins.length / 2);
}

function estimatePsd(samples: Strain[]) {
  const estimator = createPsdEstimator();
  for (const strain of samples) estimator.add(strain);
  return averagePsd(estimator.sum, estimator.count);
}

describe('the band-pass', () => {
  test('passes white noise from 30 to 350 Hz, and nothing below 5 or above 950 Hz', () => {
    const bandpass = createBandpass(tukey(SAMPLE_LENGTH, 0.5));
    const taper = tukey(SAMPLE_LENGTH, 0.5);
    const strain = whiteNoise(createNormal(11));
    for (const row of [0, 1, 2]) {
      const before = strain
        .subarray(row * SAMPLE_LENGTH, (row + 1) * SAMPLE_LENGTH)
        .map((value, i) => value * taper[i]!);
      const after = bandpass(strain, row);
      const passed = (low: number, high: number) =>
        bandPower(after, low, high) / bandPower(before, low, high);
      assert.ok(Math.abs(passed(30, 350) - 1) < 0.02);
      assert.ok(passed(0, 5) < 1e-6);
      assert.ok(passed(950, 1024) < 1e-6);
    }
  });

  test('keeps an impulse in place and symmetric: its phase is zero', () => {
    const bandpass = createBandpass(none);
    const strain = new Float64Array(SAMPLE_SIZE);
    strain[SAMPLE_LENGTH + 2048] = 1;
    const response = bandpass(strain, 1);
    assert.equal(response.indexOf(Math.max(...response)), 2048);
    for (let i = 1; i < 1000; i++) {
      assert.ok(Math.abs(response[2048 + i]! - response[2048 - i]!) < 1e-12);
    }
  });

  test('turns an offset into exact zeros', () => {
    const response = createBandpass(none)(new Float64Array(SAMPLE_SIZE).fill(3e-20), 2);
    assert.ok(response.every((value) => value === 0));
  });
});

describe('whitening', () => {
  const normal = createNormal(12);
  const psd = estimatePsd(Array.from({ length: 200 }, () => redNoise(normal)));
  const samples = Array.from({ length: 20 }, () => redNoise(normal));

  test('makes red noise flat: equal power in every 40 Hz of the band', () => {
    const bandpass = createBandpass(tukey(SAMPLE_LENGTH, 0.5));
    const whiten = createWhitener(psd);
    for (const row of [0, 1, 2]) {
      const bands = [40, 80, 120, 160, 200, 240, 280, 320].map((low) => {
        const powers = samples.map((strain) => bandPower(whiten(bandpass(strain, row), row), low, low + 40));
        return powers.reduce((sum, power) => sum + power, 0) / samples.length;
      });
      // The PSD scales |rfft|^2 by 1 / (2048 * 4096), so white noise has a power of 2048 * 4096.
      for (const band of bands) assert.ok(Math.abs(band / (2048 * 4096) - 1) < 0.1);
    }
    const raw = samples[0]!.subarray(0, SAMPLE_LENGTH);
    assert.ok(bandPower(raw, 40, 80) / bandPower(raw, 320, 360) > 100);
  });

  test('gives an output of mean 0 and variance 1 in each detector', () => {
    const { process } = createPreprocessor(psd);
    const out = new Float32Array(SAMPLE_SIZE);
    for (const strain of samples) {
      assert.equal(process(strain, out), undefined);
      for (const row of [0, 1, 2]) {
        const points = Float64Array.from(out.subarray(row * SAMPLE_LENGTH, (row + 1) * SAMPLE_LENGTH));
        const mean = points.reduce((sum, value) => sum + value, 0) / SAMPLE_LENGTH;
        const square = points.reduce((sum, value) => sum + value * value, 0) / SAMPLE_LENGTH;
        assert.ok(Math.abs(mean) < 1e-6);
        assert.ok(Math.abs(square - 1) < 1e-6);
      }
    }
  });
});

describe('preprocessing', () => {
  const normal = createNormal(13);
  const noise = Array.from({ length: 8 }, () => redNoise(normal));
  const psd = estimatePsd(noise);
  const run = (strain: Strain, { process } = createPreprocessor(psd)) => {
    const out = new Float32Array(SAMPLE_SIZE);
    assert.equal(process(strain, out), undefined);
    return out;
  };

  test('gives the same bits for a strain scaled by 4, and the negated output for the negated strain', () => {
    const expected = run(noise[0]!);
    assert.deepEqual(run(noise[0]!.map((value) => 4 * value)), expected);
    assert.deepEqual(
      run(noise[0]!.map((value) => -value)),
      expected.map((value) => -value),
    );
  });

  test('gives the same bits whatever was processed before, a NaN sample included, and leaves the strain unchanged', () => {
    const strain = Float64Array.from(noise[1]!);
    const expected = run(strain);
    const preprocessor = createPreprocessor(psd);
    const broken = Float64Array.from(noise[2]!);
    broken[5000] = Number.NaN;
    preprocessor.process(broken, new Float32Array(SAMPLE_SIZE));
    run(noise[3]!, preprocessor);
    assert.deepEqual(run(strain, preprocessor), expected);
    assert.deepEqual(strain, noise[1]);
    assert.notDeepEqual(run(noise[3]!, preprocessor), expected);
  });

  test('treats each detector separately', () => {
    const strain = Float64Array.from(noise[1]!);
    strain.set(noise[4]!.subarray(0, SAMPLE_LENGTH), 2 * SAMPLE_LENGTH);
    const [expected, actual] = [run(noise[1]!), run(strain)];
    const kept = 2 * SAMPLE_LENGTH;
    assert.deepEqual(actual.subarray(0, kept), expected.subarray(0, kept));
    assert.notDeepEqual(actual.subarray(kept), expected.subarray(kept));
  });
});
