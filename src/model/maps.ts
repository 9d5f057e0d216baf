import type { Tensor, Tensor1D, Tensor2D, Tensor3D } from '@tensorflow/tfjs-node-gpu';
import type { Statistics } from './operations.ts';

/**
 * A way to compute the model's blocks: convolution, batch norm, SiLU, max-pool. How a map lies in memory, and whether it holds
 * one detector or all, only the implementation knows. All of them compute the same function, up to rounding.
 */
export interface Maps<Convolved = unknown> {
  /** Maps of one channel from signals [B, 3, 4096]. */
  split(signals: Tensor3D): Tensor[];
  /** Convolves over time with a kernel [length, in, out], with zeros beyond both ends. */
  convolve(map: Tensor, kernel: Tensor3D): Convolved;
  /** The largest SiLU(batch norm) of each window of POOLING time points, with given statistics. */
  poolBy(convolved: Convolved, statistics: Statistics, gamma: Tensor1D, beta: Tensor1D): Tensor;
  /** The same with the batch's own statistics: one row for each detector in the map [detectors, C], or [C] for one. */
  poolBatch(
    convolved: Convolved,
    gamma: Tensor1D,
    beta: Tensor1D,
  ): { output: Tensor; mean: Tensor1D | Tensor2D; variance: Tensor1D | Tensor2D };
  /** One map with the channels of all detectors side by side. */
  merge(maps: Tensor[]): Tensor;
  /** Generalized mean over time with the power p and, if given, weights of the time points whose mean is 1: features [B, F]. */
  average(map: Tensor, p: Tensor1D, weights?: Tensor1D): Tensor2D;
}
