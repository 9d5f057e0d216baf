import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandomStream } from '../../src/core/random.ts';
import { SAMPLE_LENGTH, SAMPLE_RATE, SAMPLE_SIZE } from '../../src/core/strain.ts';
import { detectorResponses } from '../../src/simulate/detectors.ts';
import { createSignalSource } from '../../src/simulate/signal.ts';
import { SIMULATION_DEFAULTS } from '../../src/simulate/simulation-settings.ts';
import { drawSource, type Source } from '../../src/simulate/source.ts';

const signals = createSignalSource();

/** The three detectors' strain of a source at one megaparsec. */
function rows(source: Source): Float64Array[] {
  const strain = new Float64Array(SAMPLE_SIZE);
  signals.fill(source, strain);
  return [0, 1, 2].map((d) => strain.subarray(d * SAMPLE_LENGTH, (d + 1) * SAMPLE_LENGTH));
}

function sources(count: number): Source[] {
  return Array.from({ length: count }, (_, i) =>
    drawSource(createRandomStream(9, i, 1), SIMULATION_DEFAULTS.design),
  );
}

/** Root mean square from one time to another [s]. */
function level(row: Float64Array, from: number, to: number): number {
  const part = row.subarray(Math.max(0, Math.round(from * SAMPLE_RATE)), Math.round(to * SAMPLE_RATE));
  return Math.sqrt(part.reduce((sum, x) => sum + x * x, 0) / part.length);
}

test('the wave dies out after the merger, and its beginning does not wrap around to the end of the sample', () => {
  for (const source of sources(40)) {
    const early = { ...source, tc: 1.3 };
    for (const row of rows(early)) {
      const loudest = row.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      const after = row
        .subarray(Math.round(1.55 * SAMPLE_RATE))
        .reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      assert.ok(after < 3e-3 * loudest, `${after / loudest} for ${JSON.stringify(early)}`);
    }
  }
});

test('the wave is present and grows from the beginning of the sample to the merger', () => {
  for (const source of sources(40)) {
    const late = { ...source, tc: 1.9, chi1: 0, chi2: 0 };
    for (const row of rows(late)) {
      const levels = [0, 0.5, 1, 1.5].map((time) => level(row, time, time + 0.4));
      for (let i = 1; i < levels.length; i++) {
        assert.ok(levels[i]! > levels[i - 1]! && levels[i]! < 2.5 * levels[i - 1]!, `${levels}`);
      }
    }
  }
});

test('the wave is loudest at the time of the merger', () => {
  for (const source of sources(20)) {
    rows(source).forEach((row, detector) => {
      const expected = source.tc + detectorResponses(source)[detector]!.delay;
      let at = 0;
      row.forEach((x, i) => {
        if (Math.abs(x) > Math.abs(row[at]!)) at = i;
      });
      // IMRPhenomD's envelope peaks a little before its reference time: 12 masses are 10 ms for the heaviest.
      assert.ok(Math.abs(at / SAMPLE_RATE - expected) < 0.025, `${at / SAMPLE_RATE} s, not ${expected} s`);
    });
  }
});

/** Lag [s] at which |correlation| of two rows is largest, searched over +-40 ms. */
function lag(a: Float64Array, b: Float64Array): number {
  let [best, most] = [0, 0];
  for (let shift = -82; shift <= 82; shift++) {
    let sum = 0;
    for (let i = 100; i < SAMPLE_LENGTH - 100; i++) sum += a[i]! * b[i + shift]!;
    if (Math.abs(sum) > most) [best, most] = [shift, Math.abs(sum)];
  }
  return best / SAMPLE_RATE;
}

test('the detectors see one wave at different times: the lag of their strains is the difference of the delays', () => {
  for (const source of sources(12)) {
    // Seen from the orbit's plane the wave is linearly polarized, so that the strains differ by a factor alone.
    const edgeOn = { ...source, inclination: Math.PI / 2 };
    const [h1, l1, v1] = rows(edgeOn) as [Float64Array, Float64Array, Float64Array];
    const [dh, dl, dv] = detectorResponses(edgeOn).map(({ delay }) => delay) as [number, number, number];
    assert.ok(Math.abs(lag(h1, l1) - (dl - dh)) <= 0.51 / SAMPLE_RATE);
    assert.ok(Math.abs(lag(h1, v1) - (dv - dh)) <= 0.51 / SAMPLE_RATE);
    assert.ok(Math.abs(lag(l1, h1) - (dl - dh)) > 0.51 / SAMPLE_RATE || Math.abs(dl - dh) < 1 / SAMPLE_RATE);
  }
});

test('a quarter turn of the polarization angle flips the sign, a half turn of the orbit changes nothing', () => {
  const [source] = sources(1);
  const strain = rows(source!)[0]!;
  const flipped = rows({ ...source!, psi: source!.psi + Math.PI / 2 })[0]!;
  const turned = rows({ ...source!, phase: source!.phase + Math.PI })[0]!;
  const loudest = strain.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  strain.forEach((x, i) => {
    assert.ok(Math.abs(x + flipped[i]!) < 1e-9 * loudest);
    assert.ok(Math.abs(x - turned[i]!) < 1e-9 * loudest);
  });
});
