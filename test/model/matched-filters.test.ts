import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Tensor1D, Tensor3D, Tensor5D } from '@tensorflow/tfjs-node-gpu';
import { createRandomStream } from '../../src/core/random.ts';
import { DETECTORS, SAMPLE_LENGTH, SAMPLE_RATE, SAMPLE_SIZE } from '../../src/core/strain.ts';
import { filterPowers } from '../../src/model/matched-filters.ts';
import { createModel, crossEntropy } from '../../src/model/model.ts';
import { initialWeights, type Weights } from '../../src/model/weights.ts';
import { bandpassPower } from '../../src/signal/bandpass-power.ts';
import { FILTERS, flatGain } from '../../src/signal/matched-filter.ts';
import { detectorResponses } from '../../src/simulate/detectors.ts';
import { createTemplateBank } from '../../src/simulate/template-bank.ts';
import { simulateNoise, simulateSignals } from './simulated.ts';
import { largestDifference, tf } from './tensorflow.ts';

const { templates, bins, firstBin, times } = FILTERS;
const [FIRST, OUTPUTS] = [times.first - times.lag, times.end - times.first + 2 * times.lag];
const [LAGS, MERGERS] = [2 * times.lag + 1, times.end - times.first];
/** Time points of the outputs per second. */
const RATE = (bins * SAMPLE_RATE) / SAMPLE_LENGTH;
const ROWS = DETECTORS.length;

const { psd, noise } = simulateNoise(96);
const bank = createTemplateBank(psd, 1);
const gain = flatGain();
const signals = simulateSignals(12, psd);

/** Some of the bank's templates, as a bank. */
function take(chosen: readonly number[], from = bank): Float32Array {
  const [size, half] = [ROWS * bins, from.length / 2];
  return Float32Array.from(
    [0, half].flatMap((part) =>
      chosen.flatMap((k) => [...from.subarray(part + k * size, part + (k + 1) * size)]),
    ),
  );
}

const toTensor = (samples: readonly Float32Array[]): Tensor3D =>
  tf.tensor3d(Float32Array.from(samples.flatMap((sample) => [...sample])), [
    samples.length,
    ROWS,
    SAMPLE_LENGTH,
  ]);
const bankTensor = (filters: Float32Array) =>
  tf.tensor(filters, [2, filters.length / (2 * ROWS * bins), ROWS, bins]) as unknown as Tensor5D;

/** Powers [B, K, 3, outputs] of the filters' outputs, for normalized samples. */
function powersOf(samples: readonly Float32Array[], filters = bank): Float32Array {
  return tf.tidy(() => {
    const flat = toTensor(samples).mul<Tensor3D>(tf.tensor3d(gain, [1, 1, SAMPLE_LENGTH]));
    return Float32Array.from(filterPowers(tf, flat, bankTensor(filters)).dataSync());
  });
}

/** Adds `share` of b to a. */
const add = (a: Float32Array, b: Float32Array, share: number) => a.map((value, i) => value + share * b[i]!);
const mean = (values: Float32Array | number[]) =>
  Array.from(values).reduce((sum, x) => sum + x, 0) / values.length;

/** exp(i turn) of n of `whole` turns, from the definition. */
const turn = (n: number, whole: number) => {
  const angle = (2 * Math.PI * (n % whole)) / whole;
  return [Math.cos(angle), Math.sin(angle)] as const;
};
const TURNS = Array.from({ length: SAMPLE_LENGTH }, (_, n) => turn(n, SAMPLE_LENGTH));
const OUTPUT_TURNS = Array.from({ length: bins }, (_, n) => turn(n, bins));

/** Spectrum of a sample's detector, times the gain, at the filters' frequencies: real and imaginary parts in turn. */
function spectrumOf(sample: Float32Array, row: number): Float64Array {
  const spectrum = new Float64Array(2 * bins);
  for (let bin = 0; bin < bins; bin++)
    for (let n = 0; n < SAMPLE_LENGTH; n++) {
      const x = sample[row * SAMPLE_LENGTH + n]! * gain[n]!;
      const [cos, sin] = TURNS[((firstBin + bin) * n) % SAMPLE_LENGTH]!;
      spectrum[2 * bin]! += x * cos;
      spectrum[2 * bin + 1]! -= x * sin;
    }
  return spectrum;
}

/** |sum of w(f) X(f) exp(2 pi i f t)|^2 / bins^2 at the time points of the outputs [outputs]. */
function directPowers(spectrum: Float64Array, filters: Float32Array, k: number, row: number): Float64Array {
  const start = (k * ROWS + row) * bins;
  return Float64Array.from({ length: OUTPUTS }, (_, i) => {
    let [re, im] = [0, 0];
    for (let bin = 0; bin < bins; bin++) {
      const [xr, xi] = [spectrum[2 * bin]!, spectrum[2 * bin + 1]!];
      const [wr, wi] = [filters[start + bin]!, filters[filters.length / 2 + start + bin]!];
      const [cos, sin] = OUTPUT_TURNS[((firstBin + bin) * (FIRST + i)) % bins]!;
      const [pr, pi] = [xr * wr - xi * wi, xr * wi + xi * wr];
      re += pr * cos - pi * sin;
      im += pr * sin + pi * cos;
    }
    return (re ** 2 + im ** 2) / bins ** 2;
  });
}

test('the powers are those of a direct calculation in double precision', () => {
  const samples = [noise[0]!, add(noise[1]!, signals[0]!.signal, 15)];
  const chosen = take([0, templates - 1]);
  const ours = powersOf(samples, chosen);
  const expected = samples.flatMap((sample) => {
    const spectra = DETECTORS.map((_, row) => spectrumOf(sample, row));
    return [0, 1].flatMap((k) =>
      spectra.flatMap((spectrum, row) => [...directPowers(spectrum, chosen, k, row)]),
    );
  });
  const largest = expected.reduce((most, x) => Math.max(most, x));
  assert.ok(largest > 10, `${largest}`);
  assert.ok(largestDifference(ours, expected) < 1e-5 * largest, `${largestDifference(ours, expected)}`);
});

/** Weights with the templates, as after a training. */
function usedWeights(): Weights {
  const random = createRandomStream(5, 0, 0);
  const weights = initialWeights('matched', 1);
  weights.get('bank')!.data.set(bank);
  for (const [name, { data }] of weights)
    if (name !== 'bank') for (let i = 0; i < data.length; i++) data[i]! += 0.2 * random.normal();
  return weights;
}

type Numbers = Readonly<Record<string, ArrayLike<number>>>;
const trained = (weights: Weights): Numbers =>
  Object.fromEntries(
    [...weights].filter(([name]) => name !== 'bank').map(([name, { data }]) => [name, data]),
  );

const logSumExp = (values: ArrayLike<number>) => {
  let [most, sum] = [Number.NEGATIVE_INFINITY, 0];
  for (let i = 0; i < values.length; i++) most = Math.max(most, values[i]!);
  for (let i = 0; i < values.length; i++) sum += Math.exp(values[i]! - most);
  return most + Math.log(sum);
};

/** Logarithm of each merger's likelihood, the product over the detectors [K, mergers], from the powers of a sample. */
function jointOf(powers: Float32Array, scales: ArrayLike<number>): Float64Array {
  const joint = new Float64Array(templates * MERGERS);
  for (let k = 0; k < templates; k++)
    for (let row = 0; row < ROWS; row++) {
      const start = (k * ROWS + row) * OUTPUTS;
      const likelihoods = Array.from({ length: OUTPUTS }, (_, i) =>
        Math.exp(Math.min(Math.exp(scales[row]!) * powers[start + i]!, 60)),
      );
      for (let t = 0; t < MERGERS; t++) {
        let sum = 0;
        for (let i = 0; i < LAGS; i++) sum += likelihoods[t + i]!;
        joint[k * MERGERS + t]! += Math.log(sum / LAGS);
      }
    }
  return joint;
}

function logitOf(joint: Float64Array, { merger_time, template, out_scale, out_b }: Numbers): number {
  const [mergerSum, templateSum] = [logSumExp(merger_time!), logSumExp(template!)];
  const weighted = joint.map(
    (value, i) =>
      value + merger_time![i % MERGERS]! - mergerSum + template![Math.floor(i / MERGERS)]! - templateSum,
  );
  return logSumExp(weighted) * out_scale![0]! + out_b![0]!;
}

const MIXED = [
  noise[2]!,
  add(noise[3]!, signals[1]!.signal, 6),
  noise[4]!,
  add(noise[5]!, signals[2]!.signal, 9),
];
const LABELS = [0, 1, 1, 0];
/** Powers of each of these samples. */
const mixedPowers = MIXED.map((sample) => powersOf([sample]));

test('the logits are those of a direct calculation in double precision', () => {
  const weights = usedWeights();
  const numbers = trained(weights);
  const model = createModel(tf, weights, { preset: 'matched', dropout: 0 });
  const logits = model.logits(toTensor(MIXED)).dataSync();
  const expected = mixedPowers.map((powers) => logitOf(jointOf(powers, numbers.power_scale!), numbers));
  assert.ok(largestDifference(logits, expected) < 1e-4, `${logits} ${expected}`);
  assert.ok(largestDifference(logits, expected.toReversed()) > 0.1);
  assert.ok(largestDifference(model.logits(toTensor(MIXED.slice(1, 2))).dataSync(), [expected[1]!]) < 1e-4);
  model.dispose();
});

test('the gradients of the trained weights are those of finite differences', () => {
  const weights = usedWeights();
  const model = createModel(tf, weights, { preset: 'matched', dropout: 0 });
  const { grads } = tf.variableGrads(() =>
    crossEntropy(
      tf,
      tf.tensor1d(LABELS),
      model.probabilitiesForTraining(toTensor(MIXED), tf.tensor1d([1, 1], 'int32')),
    ),
  );
  const gradientOf = (name: string): number[] =>
    Array.from(
      Object.entries(grads)
        .find(([key]) => key === model.variables.get(name)!.name)![1]
        .dataSync(),
    );
  const start = trained(weights);
  const joints = mixedPowers.map((powers) => jointOf(powers, start.power_scale!));
  const loss = (numbers: Numbers, scaled = joints) =>
    mean(
      scaled.map((joint, i) => {
        const logit = logitOf(joint, numbers);
        return Math.log1p(Math.exp(LABELS[i] === 1 ? -logit : logit));
      }),
    );
  const STEP = 1e-4;
  for (const [name, values] of Object.entries(start)) {
    const differences = Array.from(values, (_, i) => {
      const [high, low] = [STEP, -STEP].map((step) => {
        const moved = {
          ...start,
          [name]: Array.from(values, (value, j) => (i === j ? value + step : value)),
        };
        if (name !== 'power_scale') return loss(moved);
        return loss(
          moved,
          mixedPowers.map((powers) => jointOf(powers, moved.power_scale!)),
        );
      });
      return (high! - low!) / (2 * STEP);
    });
    const largest = differences.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    assert.ok(largest > 1e-5, `${name}: ${largest}`);
    const difference = largestDifference(gradientOf(name), differences);
    assert.ok(difference < 1e-3 * largest, `${name}: ${difference} of ${largest}`);
  }
  assert.equal(Object.keys(grads).length, Object.keys(start).length);
  tf.dispose(grads);
  model.dispose();
});

/**
 * A normalized sample [3, 4096] that is template k of the bank, merging at an output's time point, with an output of `height` in
 * each detector.
 */
function sampleOf(k: number, timePoint: number, height: number): Float32Array {
  const passed = bandpassPower();
  const sample = new Float32Array(SAMPLE_SIZE);
  for (let row = 0; row < ROWS; row++) {
    const start = (k * ROWS + row) * bins;
    const values = new Float64Array(SAMPLE_LENGTH);
    for (let bin = 0; bin < bins; bin++) {
      const share = (2 * height * passed[firstBin + bin]!) / SAMPLE_LENGTH;
      const [wr, wi] = [bank[start + bin]! * share, bank[bank.length / 2 + start + bin]! * share];
      const [cos, sin] = OUTPUT_TURNS[((firstBin + bin) * timePoint) % bins]!;
      // The conjugate of the filter, later by the time point.
      const [re, im] = [wr * cos - wi * sin, -wr * sin - wi * cos];
      for (let n = 0; n < SAMPLE_LENGTH; n++) {
        const [c, s] = TURNS[((firstBin + bin) * n) % SAMPLE_LENGTH]!;
        values[n]! += re * c - im * s;
      }
    }
    for (let n = 0; n < SAMPLE_LENGTH; n++) sample[row * SAMPLE_LENGTH + n] = values[n]! / gain[n]!;
  }
  return sample;
}

/** Template and output with the largest sum of powers over the detectors, for one sample. */
function loudest(powers: Float32Array): { k: number; output: number } {
  let best = { k: 0, output: 0, sum: 0 };
  for (let k = 0; k < templates; k++)
    for (let output = 0; output < OUTPUTS; output++) {
      let sum = 0;
      for (let row = 0; row < ROWS; row++) sum += powers[(k * ROWS + row) * OUTPUTS + output]!;
      if (sum > best.sum) best = { k, output, sum };
    }
  return { k: best.k, output: best.output };
}

test('a template is found by its own filter at its time; its power is the square of its SNR', () => {
  const output = times.lag + Math.floor(MERGERS / 2);
  for (const k of [0, Math.floor(templates / 3), templates - 1]) {
    const alone = sampleOf(k, FIRST + output, 1);
    const powerAt = (powers: Float32Array, row: number) => powers[(k * ROWS + row) * OUTPUTS + output]!;
    for (const height of [1, 5, 20]) {
      const powers = powersOf([alone.map((value) => value * height)]);
      for (let row = 0; row < ROWS; row++)
        assert.ok(Math.abs(powerAt(powers, row) / height ** 2 - 1) < 1e-3, `${powerAt(powers, row)}`);
    }
    const powers = powersOf([add(noise[6]!, alone, 20)]);
    assert.deepEqual(loudest(powers), { k, output });
    // The noise adds a complex number with deviations of 1.
    for (let row = 0; row < ROWS; row++) assert.ok(Math.abs(Math.sqrt(powerAt(powers, row)) - 20) < 4);
  }
});

test('binaries of the simulator are found at their times, with most of their SNR and never more', () => {
  const HEIGHT = 50;
  const shares = signals.map(({ signal, injection }) => {
    const powers = powersOf([signal.map((value) => value * HEIGHT)]);
    const { k, output } = loudest(powers);
    const from = Math.max(output - times.lag, 0);
    const arrivals = detectorResponses(injection.source).map(({ delay }, row) => {
      const start = (k * ROWS + row) * OUTPUTS;
      const near = powers.subarray(start + from, start + Math.min(output + times.lag + 1, OUTPUTS));
      const power = near.reduce((a, b) => Math.max(a, b));
      const time = (FIRST + from + near.indexOf(power)) / RATE;
      return { power, late: time - injection.source.tc - delay };
    });
    const share = Math.sqrt(arrivals.reduce((sum, { power }) => sum + power, 0)) / HEIGHT;
    const strongest = injection.snr.indexOf(Math.max(...injection.snr));
    const { late } = arrivals[strongest]!;
    if (share > 0.85) assert.ok(Math.abs(late) < 0.006, `${late} s late`);
    return share;
  });
  assert.ok(
    shares.every((share) => share < 1.02),
    `${shares}`,
  );
  assert.ok(mean(shares) > 0.6 && Math.max(...shares) > 0.9, `${shares}`);
});

test('noise that a recipe whitened has outputs with deviation 1 in the real and in the imaginary part', () => {
  const chosen = take([0, 1, 2, 3]);
  // Later outputs see the end of the sample, which the gain doesn't undo.
  const early = Math.round(1.85 * RATE) - FIRST;
  const rows = DETECTORS.map((): number[] => []);
  for (let first = 0; first < noise.length; first += 16)
    for (const [i, power] of powersOf(noise.slice(first, first + 16), chosen).entries())
      if (i % OUTPUTS < early) rows[Math.floor(i / OUTPUTS) % ROWS]!.push(power);
  for (const powers of rows) {
    // The sum of two squares of normal numbers has the mean 2 and the mean square 8.
    assert.ok(Math.abs(mean(powers) / 2 - 1) < 0.05, `${mean(powers)}`);
    const square = mean(powers.map((power) => power ** 2));
    assert.ok(Math.abs(square / 8 - 1) < 0.15, `${square}`);
  }
});

test('loud signals have the largest logits, and silence has a finite one', () => {
  const model = createModel(tf, usedWeights(), { preset: 'matched', dropout: 0 });
  const logitsOf = (samples: readonly Float32Array[]) =>
    Array.from((model.logits(toTensor(samples)) as Tensor1D).dataSync());
  const silent = new Float32Array(SAMPLE_SIZE);
  const deaf = noise[0]!.slice().fill(0, SAMPLE_LENGTH, 2 * SAMPLE_LENGTH);
  const quiet = logitsOf([...noise.slice(0, 8), silent, deaf, signals[0]!.signal]);
  const loud = logitsOf([100, 1e4].map((snr) => add(noise[0]!, signals[0]!.signal, snr)));
  assert.ok([...quiet, ...loud].every(Number.isFinite), `${quiet} ${loud}`);
  assert.ok(Math.min(...loud) > Math.max(...quiet) + 10, `${quiet} ${loud}`);
  model.dispose();
});
