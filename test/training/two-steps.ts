/** Two steps of training, to compare engines. */

import { SAMPLE_LENGTH, SAMPLE_SIZE } from '../../src/core/strain.ts';
import { initialWeights, isTrainable } from '../../src/model/weights.ts';
import type { Engine, EngineOptions } from '../../src/training/engine/engine.ts';
import { createEngine, type EngineKind } from '../../src/training/engine/engines.ts';
import { sigmoid } from '../../src/training/fit/logit.ts';
import { type Batch, createBatch } from '../../src/training/input/batch.ts';
import { completeSettings, type GivenSettings } from '../../src/training/settings.ts';
import { largestDifference, tf } from '../model/tensorflow.ts';
import { makeSignal } from './toy.ts';

export const AUGMENTED: GivenSettings = {
  time_shift: 20,
  sign_flip: true,
  recombine: true,
  detector_swap: true,
  time_mask: 0.03,
  noise: 0.1,
  mixup: 0.4,
  average_weights: 0.5,
};

/** Samples with and without a signal in turn. `silent` is a detector that is 0 in all of them. */
export function makeBatch(size: number, seed = 1, silent?: number): Batch {
  const labels = Float32Array.from({ length: size }, (_, i) => i % 2);
  const signals = new Float32Array(size * SAMPLE_SIZE);
  for (const [i, label] of labels.entries()) {
    signals.set(makeSignal(label === 1 ? 1 : 0, seed, i), i * SAMPLE_SIZE);
    if (silent === undefined) continue;
    const start = i * SAMPLE_SIZE + silent * SAMPLE_LENGTH;
    signals.fill(0, start, start + SAMPLE_LENGTH);
  }
  return createBatch(tf, signals, labels);
}

/** One step. Returns the mean loss of the batch, or NaN. */
export function step(engine: Engine, batch: Batch, rate: number, seed: readonly [number, number]): number {
  engine.train(batch, rate, seed);
  return engine.takeLoss() / batch.size;
}

export interface Run {
  /** Of each step, before its update. */
  losses: number[];
  /**
   * After the first step, by name: the first moments `gradient of W` (a tenth of the gradients), the second moments `square of W`
   * (a thousandth of their squares), and the moving statistics. After the second, `probabilities`; then, with averaged weights,
   * `average` and, after a pass with them, `statistics of the average`.
   */
  arrays: Map<string, ArrayLike<number>>;
}

export function trainTwice(
  kind: EngineKind,
  given: GivenSettings,
  batch: Batch,
  { seed = 1, ...options }: EngineOptions & { seed?: number } = {},
): Run {
  const settings = completeSettings(given, 'cpu');
  const engine = createEngine(tf, kind, initialWeights(settings.preset, 11), settings, options);
  const run = takeTwoSteps(engine, batch, seed);
  engine.dispose();
  return run;
}

/** Two steps of an engine, and a prediction. */
export function takeTwoSteps(engine: Engine, batch: Batch, seed = 1): Run {
  const losses = [step(engine, batch, 1e-3, [seed, 1])];
  const { moments } = engine.getOptimizer();
  const arrays = new Map<string, ArrayLike<number>>();
  const weights = engine.getWeights();
  for (const [i, name] of [...weights.keys()].filter(isTrainable).entries()) {
    arrays.set(`gradient of ${name}`, moments[2 * i]!);
    arrays.set(`square of ${name}`, moments[2 * i + 1]!);
  }
  for (const [name, { data }] of weights) if (!isTrainable(name)) arrays.set(name, data);
  losses.push(step(engine, batch, 1e-3, [seed, 2]));
  arrays.set('probabilities', engine.logits(batch).map(sigmoid));
  const { average } = engine.getOptimizer();
  if (average !== undefined) {
    arrays.set('average', average);
    engine.useAverage();
    engine.adjustStatistics(batch, [seed, 3]);
    const adjusted = [...engine.getWeights()].filter(([name]) => !isTrainable(name));
    arrays.set(
      'statistics of the average',
      adjusted.flatMap(([, { data }]) => [...data]),
    );
  }
  return { losses, arrays };
}

export interface Allowed {
  /** Relative difference of the loss of each step. */
  losses: readonly [number, number];
  /** Of each array, as `distance` measures it. */
  arrays: number;
  distance(actual: ArrayLike<number>, expected: ArrayLike<number>): number;
  /** Names of arrays that aren't compared. */
  except?: RegExp;
}

/** The largest difference, relative to the largest expected value. */
export function relativeDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  const largest = Array.from(expected).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return largestDifference(actual, expected) / largest;
}

export function listFaults(
  actual: Run,
  expected: Run,
  { losses, arrays, distance, except }: Allowed,
): string[] {
  const faults: string[] = [];
  for (const [i, loss] of expected.losses.entries()) {
    const difference = Math.abs(actual.losses[i]! / loss - 1);
    if (!(difference <= losses[i]!)) faults.push(`loss ${i + 1}: ${difference}`);
  }
  for (const [name, values] of expected.arrays) {
    if (except?.test(name)) continue;
    // A bias before a batch norm has no gradient.
    if (Array.from(values).every((value) => value === 0)) continue;
    const difference = distance(actual.arrays.get(name)!, values);
    if (!(difference <= arrays)) faults.push(`${name}: ${difference}`);
  }
  return faults;
}
