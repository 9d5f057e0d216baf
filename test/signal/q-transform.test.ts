import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { SAMPLE_LENGTH, SAMPLE_RATE } from '../../src/core/strain.ts';
import { readNpz } from '../../src/numpy/npz.ts';
import { Q_TIMES, qTransform } from '../../src/signal/q-transform.ts';
import { normal } from '../artifacts/made-up.ts';
import { fixture } from '../support/fixtures.ts';

/** Arrays of a fixture as plain numbers. */
async function arraysOf(name: string): Promise<(key: string) => number[]> {
  const arrays = await readNpz(readFileSync(fixture(name)), name);
  return (key) => Array.from(arrays.get(key)!.data, Number);
}

test('the rows are those of gwpy, and those of another frequency or Q are not', async () => {
  const [golden, gwpy] = [await arraysOf('golden.npz'), await arraysOf('q-transform.npz')];
  const strain = Float64Array.from(golden('final').slice(0, SAMPLE_LENGTH));
  const [frequencies, expected, q] = [gwpy('frequencies'), gwpy('energies'), gwpy('q')[0]!];
  const furthest = (actual: Float64Array): number =>
    Math.max(...actual.map((value, i) => Math.abs(value - expected[i]!)));
  assert.equal(expected.length, frequencies.length * Q_TIMES);
  // gwpy returns float32, up to 29.
  const distance = furthest(qTransform(strain, frequencies, q));
  assert.ok(distance < 3e-6, `${distance}`);
  const wrong = [
    qTransform(
      strain,
      frequencies.map((frequency) => frequency + 0.5),
      q,
    ),
    qTransform(strain, frequencies, q * 1.01),
    qTransform(strain.toReversed(), frequencies, q),
  ];
  for (const energies of wrong) assert.ok(furthest(energies) > 0.1);
});

test('the loudest row follows the track of a chirp in noise', () => {
  // f(t) = 30 Hz * 10^(t / 2 s): its phase is the integral.
  const rise = Math.log(10) / 2;
  const frequencyAt = (time: number): number => 30 * Math.exp(rise * time);
  const noise = normal(6);
  const strain = Float64Array.from({ length: SAMPLE_LENGTH }, (_, i) => {
    const phase = (2 * Math.PI * frequencyAt(i / SAMPLE_RATE)) / rise;
    return 2 * Math.cos(phase) + noise();
  });
  const frequencies = Array.from({ length: 96 }, (_, row) => 20 * 25 ** ((row + 0.5) / 96));
  const energies = qTransform(strain, frequencies);
  const loudest = (column: number): number => {
    const own = frequencies.map((_, row) => energies[row * Q_TIMES + column]!);
    return frequencies[own.indexOf(Math.max(...own))]!;
  };
  for (let time = 0.2; time < 1.85; time += 0.05) {
    const ratio = loudest(Math.round((time * Q_TIMES) / 2)) / frequencyAt(time);
    assert.ok(ratio > 0.9 && ratio < 1.1, `at ${time} s the ratio is ${ratio}`);
  }
});

test('in white noise the energies are 1 / ln 2 on average at every frequency', () => {
  const frequencies = [20, 50, 130, 500];
  const sums = frequencies.map(() => 0);
  const noise = normal(7);
  const count = 100;
  for (let sample = 0; sample < count; sample++) {
    const strain = Float64Array.from({ length: SAMPLE_LENGTH }, () => noise());
    const energies = qTransform(strain, frequencies);
    for (const row of sums.keys())
      for (const energy of energies.subarray(row * Q_TIMES, (row + 1) * Q_TIMES))
        sums[row]! += energy / Q_TIMES / count;
  }
  for (const mean of sums) assert.ok(Math.abs(mean * Math.LN2 - 1) < 0.1, `${mean}`);
});

test('strain of zeros has no energy, and what has no window is refused', () => {
  const zeros = new Float64Array(SAMPLE_LENGTH);
  assert.ok(qTransform(zeros, [100]).every((energy) => energy === 0));
  assert.throws(() => qTransform(zeros.subarray(1), [100]), /strain of 4095 points, needed 4096/);
  for (const [frequency, q] of [
    [0, 8],
    [618, 8],
    [950, 30],
    [100, 3],
    [Number.NaN, 8],
    [100, 0],
  ] as const)
    assert.throws(() => qTransform(zeros, [frequency], q), /no window of Q/);
});
