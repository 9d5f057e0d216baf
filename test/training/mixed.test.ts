import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SettingError } from '../../src/core/errors.ts';
import { initialWeights } from '../../src/model/weights.ts';
import { createEngine } from '../../src/training/engine/engines.ts';
import { sigmoid } from '../../src/training/fit/logit.ts';
import { completeSettings, type GivenSettings } from '../../src/training/settings.ts';
import { largestDifference, tf } from '../model/tensorflow.ts';
import { makeBatch, step } from './two-steps.ts';

const start = (given: GivenSettings, kind: 'graph' | 'eager' = 'graph') => {
  const settings = completeSettings({ dropout_rate: 0, ...given }, 'cpu');
  return createEngine(tf, kind, initialWeights(settings.preset, 3), settings);
};

const batch = makeBatch(8);

/** Losses of some steps, gradients of the first (ten times the first moments), and predictions after the last. */
function run(given: GivenSettings) {
  const engine = start(given);
  const losses = [step(engine, batch, 1e-3, [1, 0])];
  const gradients = engine.getOptimizer().moments.filter((_, i) => i % 2 === 0);
  for (let i = 1; i < 4; i++) losses.push(step(engine, batch, 1e-3, [1, i]));
  const probabilities = engine.logits(batch).map(sigmoid);
  engine.dispose();
  return { losses, gradients, probabilities };
}

/** Cosine of the angle between two gradients. */
function cosine(a: Float32Array, b: Float32Array): number {
  let [ab, aa, bb] = [0, 0, 0];
  for (const [i, value] of a.entries()) {
    ab += value * b[i]!;
    aa += value ** 2;
    bb += b[i]! ** 2;
  }
  return ab / Math.sqrt(aa * bb);
}

for (const preset of ['diy', 'coherent', 'coherent-large'] as const) {
  test(`mixed precision trains ${preset} like float32, but not with identical numbers`, () => {
    const [mixed, float32] = [run({ preset, precision: 'mixed' }), run({ preset })];
    const difference = largestDifference(mixed.losses, float32.losses);
    assert.ok(difference < 0.03 && difference > 1e-6, `${mixed.losses} for ${float32.losses}`);
    const whole = (run: typeof mixed) =>
      Float32Array.from(run.gradients.flatMap((gradient) => [...gradient]));
    // Rounding adds up along coherent-large's 22 convolutions.
    const least = preset === 'coherent-large' ? 0.98 : 0.99;
    assert.ok(cosine(whole(mixed), whole(float32)) > least, `${cosine(whole(mixed), whole(float32))}`);
    assert.ok(Math.abs(cosine(whole(mixed), whole(float32).reverse())) < 0.5);
    assert.ok(largestDifference(mixed.probabilities, float32.probabilities) < 0.1);
  });
}

test('mixed precision with the eager engine is refused', () => {
  assert.throws(() => start({ precision: 'mixed' }, 'eager'), SettingError);
});
