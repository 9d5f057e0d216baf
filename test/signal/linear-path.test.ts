import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandomStream } from '../../src/core/random.ts';
import { DETECTORS, SAMPLE_LENGTH, SAMPLE_SIZE } from '../../src/core/strain.ts';
import { createSignalsEngine } from '../../src/signal/engines/linear-path.ts';
import { createPreprocessor } from '../../src/signal/preprocessor.ts';
import { averagePsd, createPsdEstimator } from '../../src/signal/psd.ts';
import { inverseTaper, sampleTaper } from '../../src/signal/sample-taper.ts';
import { createNoiseSource } from '../../src/simulate/noise.ts';
import { NOISE_CURVES } from '../../src/simulate/noise-curves.ts';

const COUNT = 200;

/** Noise of a curve, and the path with its PSD. */
function prepare(like: keyof typeof NOISE_CURVES) {
  const source = createNoiseSource(NOISE_CURVES[like]);
  const estimator = createPsdEstimator();
  const noise = Array.from({ length: COUNT }, (_, i) => {
    const strain = new Float64Array(SAMPLE_SIZE);
    source.fill(createRandomStream(1, i, 0), strain);
    assert.equal(estimator.add(strain), undefined);
    return strain;
  });
  const psd = averagePsd(estimator.sum, estimator.count);
  return { noise, preprocessor: createPreprocessor(psd, createSignalsEngine()) };
}

const { noise, preprocessor } = prepare('design');

function run(strain: Float64Array, path = preprocessor): Float32Array {
  const out = new Float32Array(SAMPLE_SIZE);
  assert.equal(path.process(strain, out), undefined);
  return out;
}

for (const like of ['design', 'g2net'] as const)
  test(`noise that is preprocessed like a signal has deviation 1 in each detector (${like})`, () => {
    const { noise, preprocessor } = prepare(like);
    const rows = noise.map((strain) => run(strain, preprocessor));
    for (const [d, name] of DETECTORS.entries()) {
      const squares = rows.map((row) => {
        const points = row.subarray(d * SAMPLE_LENGTH, (d + 1) * SAMPLE_LENGTH);
        return points.reduce((sum, x) => sum + x * x, 0) / SAMPLE_LENGTH;
      });
      const deviation = Math.sqrt(squares.reduce((sum, x) => sum + x, 0) / COUNT);
      assert.ok(Math.abs(deviation - 1) < 0.01, `${name}: ${deviation}`);
    }
  });

test('divided by the tapers, the noise of the real spectra has the same deviation at all times', () => {
  const { noise, preprocessor } = prepare('g2net');
  const rows = noise.map((strain) => run(strain, preprocessor));
  const [taper, gain] = [sampleTaper(), inverseTaper()];
  const STRETCH = 64;
  for (const [d, name] of DETECTORS.entries()) {
    const deviations: number[] = [];
    for (let from = 128; from < SAMPLE_LENGTH - 128; from += STRETCH) {
      let sum = 0;
      for (const row of rows)
        for (let t = from; t < from + STRETCH; t++) sum += (row[d * SAMPLE_LENGTH + t]! * gain[t]!) ** 2;
      if (taper[from]! >= 0.1 && taper[from + STRETCH - 1]! >= 0.1)
        deviations.push(Math.sqrt(sum / COUNT / STRETCH));
    }
    const mean = deviations.reduce((sum, x) => sum + x, 0) / deviations.length;
    const worst = Math.max(...deviations.map((x) => Math.abs(x / mean - 1)));
    assert.ok(deviations.length > 50 && worst < 0.1, `${name}: ${worst}`);
  }
});

test('the path of signals is linear', () => {
  const [a, b] = [noise[0]!, noise[1]!];
  const [ofA, ofB, ofSum] = [a, b, a.map((x, i) => 3 * x - b[i]!)].map((strain) => run(strain)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const worst = ofSum.reduce((most, x, i) => Math.max(most, Math.abs(x - (3 * ofA[i]! - ofB[i]!))), 0);
  assert.ok(worst < 1e-5, String(worst));
});

test('a detector that does not see the signal is 0; a point that is not finite is a fault', () => {
  const strain = noise[0]!.slice();
  strain.fill(0, 2 * SAMPLE_LENGTH);
  const out = run(strain);
  assert.ok(out.subarray(2 * SAMPLE_LENGTH).every((x) => x === 0));
  assert.ok(out.subarray(0, SAMPLE_LENGTH).some((x) => Math.abs(x) > 1));
  strain[SAMPLE_LENGTH + 5] = Number.NaN;
  assert.equal(preprocessor.process(strain, out), 'NaN or Inf at L1[5]');
  strain[SAMPLE_LENGTH + 5] = 1;
  assert.match(preprocessor.process(strain, out) ?? '', /^L1 overflows/);
  assert.equal(preprocessor.process(strain.fill(0), out), 'all detectors are all zero');
});
