import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandomStream } from '../../src/core/random.ts';
import { detectorResponses, type Response } from '../../src/simulate/detectors.ts';
import { lalRows } from './lal.ts';

const positions = lalRows('angles', 4).map(([ra, dec, psi, gmst]) => ({
  ra: ra!,
  dec: dec!,
  psi: psi!,
  gmst: gmst!,
}));
const antenna = lalRows('antenna', 6);
const delays = lalRows('delay', 3);

/** Largest deviation from LAL's patterns and delays, relative to the largest pattern (1) and delay (21 ms). */
function deviation(answers: Response[][]): number {
  const deviations = answers.flatMap((responses, i) =>
    responses.flatMap(({ plus, cross, delay }, detector) => [
      Math.abs(plus - antenna[i]![2 * detector]!),
      Math.abs(cross - antenna[i]![2 * detector + 1]!),
      Math.abs(delay - delays[i]![detector]!) / 0.021,
    ]),
  );
  return Math.max(...deviations);
}

test('antenna patterns and delays equal those of LAL to 1e-9', () => {
  const answers = positions.map(detectorResponses);
  assert.equal(answers.length, 24);
  assert.ok(deviation(answers) < 1e-9, `${deviation(answers)}`);
});

test('the comparison with LAL notices a source that is off by a microradian, and exchanged detectors', () => {
  const moved = positions.map((position) => detectorResponses({ ...position, ra: position.ra + 1e-6 }));
  assert.ok(deviation(moved) > 1e-8);
  assert.ok(deviation(positions.map((position) => detectorResponses(position).toReversed())) > 0.1);
});

test('no wave needs longer than 10.1 ms between H1 and L1 or 27.5 ms between either and V1', () => {
  const stream = createRandomStream(1, 0, 0);
  const longest = { hl: 0, hv: 0, lv: 0 };
  for (let i = 0; i < 20_000; i++) {
    const position = { ra: stream.uniform(0, 2 * Math.PI), dec: Math.asin(stream.uniform(-1, 1)) };
    const [h1, l1, v1] = detectorResponses({ ...position, psi: 0, gmst: 0 }).map(({ delay }) => delay);
    longest.hl = Math.max(longest.hl, Math.abs(h1! - l1!));
    longest.hv = Math.max(longest.hv, Math.abs(h1! - v1!));
    longest.lv = Math.max(longest.lv, Math.abs(l1! - v1!));
  }
  assert.ok(longest.hl < 0.0101 && longest.hl > 0.0099, `${longest.hl}`);
  assert.ok(longest.hv < 0.0275 && longest.hv > 0.027, `${longest.hv}`);
  assert.ok(longest.lv < 0.0275 && longest.lv > 0.026, `${longest.lv}`);
});
