import type { Weights } from '../../model/weights.ts';
import type { Batch } from '../input/batch.ts';
import type { Settings } from '../settings.ts';
import type { Augmentation } from './augment.ts';

/** What of the settings changes how a step is computed. */
export type EngineSettings = Pick<Settings, 'preset' | 'dropout_rate' | 'precision'> & Augmentation;

/** What executes the model's steps and holds what they change. */
export interface Engine {
  /**
   * One training step: the loss and its gradients on the batch, then one update. Returns the loss before the update.
   * When it or a gradient isn't finite, no weight is updated, and NaN is returned. Equal seeds augment
   * equally and drop equal outputs.
   */
  train(batch: Batch, learningRate: number, seed: readonly [number, number]): number;
  /** Probability of a signal in each sample of the batch. */
  predict(batch: Batch): Float32Array;
  /** Weights and moving statistics, a copy. */
  getWeights(): Weights;
  setWeights(weights: Weights): void;
  /** A copy. */
  getOptimizer(): OptimizerState;
  /** Of the same optimizer at another time, or in another process. */
  setOptimizer(state: OptimizerState): void;
  dispose(): void;
}

/** What, with the weights, decides how training goes on. */
export interface OptimizerState {
  /** Updates made so far. */
  updates: number;
  /** First and second moment of each trainable array, by turns, in the weights' order. */
  moments: readonly Float32Array[];
}
