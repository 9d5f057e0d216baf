import assert from 'node:assert/strict';
import { test } from 'node:test';
import FFT from 'fft.js';
import { createRandomStream } from '../../src/core/random.ts';
import { DETECTORS, type Detector, SAMPLE_LENGTH, SAMPLE_RATE, SAMPLE_SIZE } from '../../src/core/strain.ts';
import { designPsd } from '../../src/simulate/design-curves.ts';
import { g2netPsd } from '../../src/simulate/g2net-curves.ts';
import { createNoiseSource } from '../../src/simulate/noise.ts';
import { lalValues } from './lal.ts';

const frequencies = lalValues('psd_frequency');
const LAL_CURVES: Record<Detector, number[]> = {
  H1: lalValues('psd_aligo'),
  L1: lalValues('psd_aligo'),
  V1: lalValues('psd_advirgo'),
};

/** Largest relative deviation of a curve from LAL's, from 20 to 1000 Hz. */
function curveDeviation(detector: Detector, curve: (frequency: number) => number): number {
  const deviations = frequencies.map((f, i) =>
    f < 20 || f > 1000 ? 0 : Math.abs(curve(f) / LAL_CURVES[detector][i]! - 1),
  );
  return Math.max(...deviations);
}

test('the design curves equal those of LAL within 1 % from 20 to 1000 Hz', () => {
  for (const detector of DETECTORS) {
    const deviation = curveDeviation(detector, (f) => designPsd(detector, f));
    assert.ok(deviation < 0.01, `${detector} is off by ${deviation}`);
  }
});

test('the comparison with LAL notices a curve that is 6 % off and the curve of another detector', () => {
  assert.ok(curveDeviation('H1', (f) => 1.06 * designPsd('H1', f)) > 0.05);
  assert.ok(curveDeviation('H1', (f) => designPsd('V1', f)) > 0.05);
});

test('the design curves are zero below their start and constant above their end', () => {
  assert.deepEqual(
    [0, 4.999].map((f) => designPsd('L1', f)),
    [0, 0],
  );
  assert.ok(designPsd('L1', 5) > 0);
  assert.equal(designPsd('V1', 7.999), 0);
  assert.ok(designPsd('V1', 8) > 0);
  assert.equal(designPsd('H1', 1024), designPsd('H1', 1023.75));
  assert.equal(designPsd('H1', Number.NaN), 0);
});

test('the G2Net curves have the published points, the wall at 10 Hz and the lines, and no noise below 5 Hz', () => {
  const asd = (detector: Detector, f: number) => Math.sqrt(g2netPsd(detector, f));
  const published: [Detector, number, number][] = [
    ['H1', 10, 5.41e-21],
    ['L1', 306.5, 1.96e-23],
    ['V1', 100, 5.92e-24],
    ['H1', 1024, 4.61e-24],
  ];
  for (const [detector, f, value] of published)
    assert.ok(Math.abs(asd(detector, f) / value - 1) < 1e-9, `${detector} ${f}`);
  // Halfway in logarithms.
  assert.ok(Math.abs(asd('H1', Math.sqrt(900 * 1000)) / Math.sqrt(4.22e-24 * 4.57e-24) - 1) < 1e-9);
  for (const f of [12, 13, 14, 15]) assert.ok(asd('H1', f) > 10 * Math.sqrt(designPsd('H1', f)), `${f}`);
  assert.ok(asd('H1', 60) > 1.8 * asd('H1', 61) && asd('H1', 306) > 6 * asd('H1', 300));
  assert.equal(g2netPsd('V1', 4.999), 0);
});

test('noise like G2Net has the standard deviation that was measured in the real data, within 10 %', () => {
  const noise = createNoiseSource(g2netPsd);
  const strain = new Float64Array(SAMPLE_SIZE);
  const power = DETECTORS.map(() => 0);
  for (let index = 0; index < 100; index++) {
    noise.fill(createRandomStream(7, index, 0), strain);
    strain.forEach((x, i) => {
      power[Math.floor(i / SAMPLE_LENGTH)]! += x ** 2 / (100 * SAMPLE_LENGTH);
    });
  }
  [7.42e-21, 7.42e-21, 1.84e-21].forEach((sigma, detector) => {
    assert.ok(Math.abs(Math.sqrt(power[detector]!) / sigma - 1) < 0.1, `${Math.sqrt(power[detector]!)}`);
  });
});

const BANDS = [
  [25, 40],
  [40, 80],
  [80, 200],
  [200, 500],
  [500, 1000],
] as const;
const SAMPLES = 150;

/** Mean over bins and samples of the Hann-windowed power divided by the design curve; and the H1-L1 coherence. */
function measureNoise(): { ratios: number[][]; coherence: number[] } {
  const noise = createNoiseSource(designPsd);
  const fft = new FFT(SAMPLE_LENGTH);
  const strain = new Float64Array(SAMPLE_SIZE);
  const spectra = DETECTORS.map(() => new Float64Array(2 * SAMPLE_LENGTH));
  const hann = Float64Array.from({ length: SAMPLE_LENGTH }, (_, i) => {
    return Math.sin((Math.PI * i) / SAMPLE_LENGTH) ** 2;
  });
  const power = DETECTORS.map(() => BANDS.map(() => 0));
  const cross = BANDS.map(() => [0, 0] as [number, number]);
  for (let index = 0; index < SAMPLES; index++) {
    noise.fill(createRandomStream(5, index, 0), strain);
    spectra.forEach((spectrum, detector) => {
      const row = strain.subarray(detector * SAMPLE_LENGTH, (detector + 1) * SAMPLE_LENGTH);
      fft.realTransform(
        spectrum,
        row.map((x, i) => x * hann[i]!),
      );
    });
    BANDS.forEach(([low, high], band) => {
      for (let bin = 2 * low; bin < 2 * high; bin++) {
        const psds = DETECTORS.map((name) => designPsd(name, bin / 2));
        // Mean square of a Hann window: 3/8.
        const scale = 2 / (SAMPLE_RATE * SAMPLE_LENGTH * 0.375);
        const parts = spectra.map((spectrum) => [spectrum[2 * bin]!, spectrum[2 * bin + 1]!] as const);
        parts.forEach(([re, im], detector) => {
          power[detector]![band]! += (scale * (re ** 2 + im ** 2)) / psds[detector]! / (2 * (high - low));
        });
        const [[hr, hi], [lr, li]] = [parts[0]!, parts[1]!];
        cross[band]![0] += (scale * (hr * lr + hi * li)) / psds[0]! / (2 * (high - low));
        cross[band]![1] += (scale * (hi * lr - hr * li)) / psds[0]! / (2 * (high - low));
      }
    });
  }
  return {
    ratios: power.map((bands) => bands.map((sum) => sum / SAMPLES)),
    coherence: cross.map(([re, im]) => Math.hypot(re, im) / SAMPLES),
  };
}

/** Bands in which the power is further from the curve than chance allows: four standard deviations. */
function faults(ratios: number[][]): string[] {
  return ratios.flatMap((bands, detector) =>
    bands.flatMap((ratio, band) => {
      const [low, high] = BANDS[band]!;
      // A Hann window correlates neighbouring bins, so that about 1.9 of them count as one.
      const tolerance = 4 * Math.sqrt(1.9 / (2 * (high - low) * SAMPLES)) + 0.005;
      return Math.abs(ratio - 1) < tolerance ? [] : [`${DETECTORS[detector]} ${low}-${high} Hz: ${ratio}`];
    }),
  );
}

test('noise has the power of the design curves in every band, and is independent in H1 and L1', () => {
  const { ratios, coherence } = measureNoise();
  assert.deepEqual(faults(ratios), []);
  assert.equal(faults(ratios.map((bands) => bands.map((ratio) => 1.2 * ratio))).length, 15);
  assert.ok(Math.max(...coherence) < 0.08, `${coherence}`);
});

test('noise is Gaussian, and a sample does not end where it begins', () => {
  const noise = createNoiseSource(designPsd);
  const strain = new Float64Array(SAMPLE_SIZE);
  let [second, fourth, jump, step] = [0, 0, 0, 0];
  for (let index = 0; index < 60; index++) {
    noise.fill(createRandomStream(6, index, 0), strain);
    // The differences of neighbours whiten the slow noise, so that the points are nearly independent.
    for (let i = 1; i < SAMPLE_LENGTH; i++) {
      const difference = (strain[i]! - strain[i - 1]!) * 1e22;
      second += difference ** 2;
      fourth += difference ** 4;
    }
    jump += (strain[0]! - strain[SAMPLE_LENGTH - 1]!) ** 2;
    step += (strain[1]! - strain[0]!) ** 2;
  }
  const count = 60 * (SAMPLE_LENGTH - 1);
  const kurtosis = fourth / count / (second / count) ** 2;
  assert.ok(Math.abs(kurtosis - 3) < 0.1, `kurtosis ${kurtosis}`);
  assert.ok(jump > 100 * step, `${jump / step}`);
});
