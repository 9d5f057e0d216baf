import type { Tensor, Tensor1D, Tensor2D, Tensor3D } from '@tensorflow/tfjs-node-gpu';
import type { Operations } from './network-plan.ts';
import type { Statistics } from './operations.ts';

/** A map that was normalized by the batch's own statistics: one row for each path in the map [paths, C], or [C] for one. */
export interface Normalized {
  output: Tensor;
  mean: Tensor1D | Tensor2D;
  variance: Tensor1D | Tensor2D;
}

/**
 * A way to compute the model's convolutions and what depends on where time and channels are. How a map lies in memory, and whether
 * it holds one path or several with the same weights, only the implementation knows; channels come last. All of them compute the
 * same function, up to rounding.
 */
export interface Maps<Convolved = unknown> extends Pick<Operations<Tensor>, 'arrange'> {
  /** Maps of one channel from signals [B, 3, 4096]. */
  split(signals: Tensor3D): Tensor[];
  /** Convolves over time with a kernel [length, in, out], with zeros beyond both ends, for windows of so many time points. */
  convolve(map: Tensor, kernel: Tensor3D, window: number): Convolved;
  /** The largest SiLU(batch norm) of each window, with given statistics. */
  poolBy(convolved: Convolved, statistics: Statistics, gamma: Tensor1D, beta: Tensor1D): Tensor;
  /** The same with the batch's own statistics. */
  poolBatch(convolved: Convolved, gamma: Tensor1D, beta: Tensor1D): Normalized;
  /** What was convolved for windows of one time point, as a map. */
  toMap(convolved: Convolved): Tensor;
  /** Batch norm with given statistics. */
  normalizeBy(map: Tensor, statistics: Statistics, gamma: Tensor1D, beta: Tensor1D): Tensor;
  /** The same with the batch's own statistics. */
  normalizeBatch(map: Tensor, gamma: Tensor1D, beta: Tensor1D): Normalized;
  /** Generalized mean of every `window` time points with the power p. */
  poolPowers(map: Tensor, p: Tensor1D, window: number): Tensor;
  /** Generalized mean over time with the power p and, if given, weights of the time points whose mean is 1: features [B, F]. */
  average(map: Tensor, p: Tensor1D, weights?: Tensor1D): Tensor2D;
}
