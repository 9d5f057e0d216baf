import { SettingError } from '../../core/errors.ts';
import type { Weights } from '../../model/weights.ts';
import type { TF } from '../../tensorflow/install/load.ts';
import { createEagerEngine } from './eager-engine.ts';
import type { Engine, EngineSettings } from './engine.ts';
import { createGraphEngine } from './graph-engine.ts';

const ENGINES = { graph: createGraphEngine, eager: createEagerEngine };

/**
 * `graph`: a step is one call to TensorFlow, of a graph that was recorded when the first batch of its size came.
 * `eager`: op by op, each called from JavaScript: what the graph is recorded from, and checked against.
 */
export type EngineKind = keyof typeof ENGINES;

/** Throws SettingError for mixed precision op by op: tfjs has no bfloat16. */
export function createEngine(tf: TF, kind: EngineKind, initial: Weights, settings: EngineSettings): Engine {
  if (kind === 'eager' && settings.precision === 'mixed')
    throw new SettingError(
      'precision mixed with the engine eager: only the engine graph computes in bfloat16',
    );
  return ENGINES[kind](tf, initial, settings);
}
