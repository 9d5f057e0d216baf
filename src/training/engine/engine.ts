import type { ConvolutionKind } from '../../model/convolutional-network.ts';
import type { Weights } from '../../model/weights.ts';
import type { LowType } from '../../tensorflow/graph/precision.ts';
import type { Batch } from '../input/batch.ts';
import type { Settings } from '../settings.ts';
import type { Augmentation } from './augment.ts';
import type { LossScale } from './loss-scale.ts';

/** The settings that change how a step is computed. */
export type EngineSettings = Pick<Settings, 'preset' | 'dropout_rate' | 'precision' | 'average_weights'> &
  Augmentation;

/** How a step is computed. All ways give the same result, up to rounding, but for `devices`. */
export interface EngineOptions {
  /** Whether XLA compiles the steps. Default false. The eager engine ignores it. */
  compile?: boolean;
  /** Called before the first step of each kind and batch size, which takes up to a minute if XLA compiles it. */
  onCompile?: (step: string) => void;
  /** If given, a step that can't be compiled runs uncompiled, as all later ones. Called once with the reason. */
  onUncompiled?: (reason: string) => void;
  /** Type of mixed precision. Default bfloat16. */
  low?: LowType;
  /** Default: the fastest on the device. */
  convolution?: ConvolutionKind;
  /**
   * Devices that share each batch, like `/device:GPU:1`, at least 16 samples each. Each normalizes by the statistics of its own
   * share. With fewer than two, TensorFlow decides. The eager engine ignores them.
   */
  devices?: readonly string[];
}

/** Executes the model's steps and holds the state that they change. */
export interface Engine {
  /**
   * One training step: computes the loss and its gradient on the batch, then updates the weights. If the loss or the gradient
   * isn't finite, updates no weight. Equal seeds give equal augmentation and dropout. A GPU may still compute when this returns.
   */
  train(batch: Batch, learningRate: number, seed: readonly [number, number]): void;
  /**
   * Waits for the steps since the last call and returns the sum of their samples' losses, each before the step's update. NaN if
   * the loss or the gradient of one step wasn't finite, but in float16 a gradient that overflows is only skipped.
   */
  takeLoss(): number;
  /** Logit of the probability of a signal in each sample of the batch, float32 also in mixed precision. */
  logits(batch: Batch): Float32Array;
  /** Sets the weights to their moving average, if there is one. The moving statistics stay. */
  useAverage(): void;
  /** Moves the moving statistics as a training step on the batch would. The weights stay. */
  adjustStatistics(batch: Batch, seed: readonly [number, number]): void;
  /** A copy of the weights and moving statistics. */
  getWeights(): Weights;
  setWeights(weights: Weights): void;
  /** A copy of the optimizer's state. */
  getOptimizer(): OptimizerState;
  /** Restores a state of the same optimizer, from another time or another process. */
  setOptimizer(state: OptimizerState): void;
  dispose(): void;
}

/** State that, together with the weights, determines how training continues. */
export interface OptimizerState {
  /** Updates made so far. */
  updates: number;
  /** First and second moment of each trainable array, alternating, in the order of the weights. */
  moments: readonly Float32Array[];
  /** Only if weights are averaged: the moving average of all of them, in the same order. */
  average?: Float32Array;
  /** Only in float16. */
  lossScale?: LossScale;
}
