/**
 * The losses of steps, summed where they are computed. A GPU computes the next steps while the host doesn't wait for their losses.
 */
import type { Scalar, Tensor1D, Variable } from '@tensorflow/tfjs-node-gpu';
import { select } from '../../model/operations.ts';
import type { TF } from '../../tensorflow/install/load.ts';

/** float32 [2]: the sum of the samples' losses, and the number of steps whose loss or gradient isn't finite. */
export function createTally(tf: TF): Variable {
  return tf.tidy(() => tf.variable(tf.zeros([2]), false));
}

/** Adds a step to the tally times `carry`: 1, or 0 to begin a new one. `sum` counts only if it is finite. */
export function addToTally(tf: TF, tally: Variable, sum: Scalar, finite: Scalar, carry: Scalar): void {
  const counted = select(tf, tf.isFinite(sum), sum, tf.scalar(0));
  const step = tf.stack([counted, tf.sub(1, finite.cast('float32'))]) as Tensor1D;
  tally.assign(tally.mul<Tensor1D>(carry).add(step));
}
