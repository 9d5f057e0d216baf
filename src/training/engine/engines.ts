import { SettingError } from '../../core/errors.ts';
import type { Weights } from '../../model/weights.ts';
import type { TF } from '../../tensorflow/install/load.ts';
import { createEagerEngine } from './eager-engine.ts';
import type { Engine, EngineOptions, EngineSettings } from './engine.ts';
import { createGraphEngine } from './graph-engine.ts';

const ENGINES = { graph: createGraphEngine, eager: createEagerEngine };

/**
 * `graph`: a step is one call to TensorFlow, which runs a graph recorded on the first batch of that size.
 * `eager`: JavaScript calls each op. The graph is recorded from these calls and tested against them.
 */
export type EngineKind = keyof typeof ENGINES;

/** Throws SettingError for mixed precision with the eager engine: tfjs has no 16-bit floats. */
export function createEngine(
  tf: TF,
  kind: EngineKind,
  initial: Weights,
  settings: EngineSettings,
  options: EngineOptions = {},
): Engine {
  if (kind === 'eager' && settings.precision === 'mixed')
    throw new SettingError(
      'precision mixed does not work with engine eager, which computes in float32 only. Use engine graph or precision float32',
    );
  return ENGINES[kind](tf, initial, settings, options);
}
