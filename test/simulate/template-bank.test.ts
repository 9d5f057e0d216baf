import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DETECTORS, SPECTRUM_LENGTH } from '../../src/core/strain.ts';
import { bandpassPower } from '../../src/signal/bandpass-power.ts';
import { FILTERS } from '../../src/signal/matched-filter.ts';
import { NOISE_CURVES } from '../../src/simulate/noise-curves.ts';
import { createTemplateBank } from '../../src/simulate/template-bank.ts';

const { templates, bins, firstBin } = FILTERS;
// So large that the recipe's epsilon doesn't matter.
const psd = Float64Array.from(
  { length: DETECTORS.length * SPECTRUM_LENGTH },
  (_, i) =>
    1e6 *
    NOISE_CURVES.design(DETECTORS[Math.floor(i / SPECTRUM_LENGTH)]!, Math.max((i % SPECTRUM_LENGTH) / 2, 10)),
);
const bank = createTemplateBank(psd, 1);
const passed = bandpassPower();

/** Real and imaginary part of each bin of a template in a detector. */
function filterOf(from: Float32Array, k: number, detector: number): [number, number][] {
  const start = (k * DETECTORS.length + detector) * bins;
  return Array.from({ length: bins }, (_, i) => [from[start + i]!, from[from.length / 2 + start + i]!]);
}
const sum = (values: readonly number[]) => values.reduce((total, x) => total + x, 0);
const powers = (filter: readonly [number, number][]) => filter.map(([re, im]) => re ** 2 + im ** 2);

test('a filter lets through a power of 1 per bin of noise that was band-passed', () => {
  assert.equal(bank.length, 2 * templates * DETECTORS.length * bins);
  for (let k = 0; k < templates; k++)
    for (const detector of DETECTORS.keys()) {
      const through = powers(filterOf(bank, k, detector)).map((power, i) => power * passed[firstBin + i]!);
      assert.ok(Math.abs(sum(through) / bins - 1) < 1e-4, `${k}, ${detector}: ${sum(through) / bins}`);
    }
});

test('the filters are whitened by the PSD of each detector, and nothing else of them depends on it', () => {
  const louder = psd.map((value, i) => {
    const [detector, bin] = [Math.floor(i / SPECTRUM_LENGTH), i % SPECTRUM_LENGTH];
    return detector === 1 && bin >= firstBin + 100 ? 4 * value : value;
  });
  const other = createTemplateBank(louder, 1);
  for (const k of [0, templates - 1]) {
    for (const detector of [0, 2])
      assert.deepEqual(filterOf(other, k, detector), filterOf(bank, k, detector));
    const [before, after] = [filterOf(bank, k, 1), filterOf(other, k, 1)];
    const scale = after[0]![0] / before[0]![0];
    assert.ok(scale > 1);
    for (let i = 0; i < bins; i++)
      for (const part of [0, 1] as const) {
        const expected = before[i]![part] * (i < 100 ? scale : scale / 2);
        assert.ok(Math.abs(after[i]![part] - expected) <= 1e-5 * Math.abs(expected) + 1e-9);
      }
  }
});

test('the detectors see the same wave: their filters have the same phases', () => {
  const [h1, l1, v1] = DETECTORS.map((_, detector) => filterOf(bank, 3, detector));
  for (let i = 0; i < bins; i++)
    for (const other of [l1!, v1!]) {
      const [a, b] = [h1![i]!, other[i]!];
      const cross = a[0] * b[1] - a[1] * b[0];
      assert.ok(Math.abs(cross) <= 1e-5 * Math.hypot(...a) * Math.hypot(...b));
    }
});

test('the bank is the same each time, and its templates are distinct binaries', () => {
  assert.deepEqual(createTemplateBank(psd, 1), bank);
  const firsts = Array.from({ length: templates }, (_, k) => filterOf(bank, k, 0).slice(0, 40).join());
  assert.equal(new Set(firsts).size, templates);
  // The low frequencies of a light binary last longer: its phase turns faster.
  const turns = Array.from({ length: templates }, (_, k) => {
    const filter = filterOf(bank, k, 0);
    const turn = ([a, b]: [number, number], [c, d]: [number, number]) =>
      Math.atan2(a * d - b * c, a * c + b * d);
    return sum(Array.from({ length: 40 }, (_, i) => Math.abs(turn(filter[i + 20]!, filter[i + 21]!))));
  });
  assert.ok(Math.max(...turns) > 3 * Math.min(...turns), `${turns}`);
});
