import type { Weights } from '../model/weights.ts';
import type { TF } from '../tensorflow/load.ts';
import { createEagerEngine } from './eager-engine.ts';
import type { Engine, EngineSettings } from './engine.ts';
import { createGraphEngine } from './graph-engine.ts';

const ENGINES = { graph: createGraphEngine, eager: createEagerEngine };

/**
 * `graph`: a step is one call to TensorFlow, of a graph that was recorded when the first batch of its size came.
 * `eager`: op by op, each called from JavaScript: what the graph is recorded from, and checked against.
 */
export type EngineKind = keyof typeof ENGINES;

export function createEngine(tf: TF, kind: EngineKind, initial: Weights, settings: EngineSettings): Engine {
  return ENGINES[kind](tf, initial, settings);
}
