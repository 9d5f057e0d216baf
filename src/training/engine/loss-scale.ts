import type { Scalar, Tensor1D, Variable } from '@tensorflow/tfjs-node-gpu';
import type { TF } from '../../tensorflow/install/load.ts';

/**
 * Dynamic loss scaling (Micikevicius et al., "Mixed Precision Training", 2018, with TensorFlow's constants): in float16 small
 * gradients would become 0. The loss is multiplied by a scale and the gradients are divided by it. If a gradient overflows,
 * the step is skipped and the scale halved; after enough steps without an overflow it is doubled.
 */
export interface LossScale {
  /** A power of two. */
  scale: number;
  /** Steps since the scale changed last. */
  steps: number;
}

export const FIRST_SCALE: LossScale = { scale: 2 ** 15, steps: 0 };

/** A smaller scale means that the loss has diverged: float16 holds any gradient of a sound model times it. */
const LEAST_SCALE = 2 ** -14;

const STEPS_TO_DOUBLE = 2000;

/** A variable, float32 [2]: scale and steps. */
export function scaleVariable(tf: TF, { scale, steps }: LossScale): Variable {
  return tf.tidy(() => tf.variable(tf.tensor1d([scale, steps]), false));
}

/**
 * Sets the variable to the scale of the next step. `finite` says whether this step's loss and gradient are. Returns false if the
 * step wasn't merely skipped: its loss isn't finite, or the scale has become too small.
 */
export function updateScale(tf: TF, variable: Variable, loss: Scalar, finite: Scalar): Scalar {
  const [scale, steps] = tf.unstack(variable) as [Scalar, Scalar];
  const good = finite.cast('float32') as Scalar;
  const doubles = steps.greaterEqual(STEPS_TO_DOUBLE - 1).cast('float32');
  const factor = good.mul(doubles.add(1)).add(tf.sub(1, good).mul(0.5));
  const next = scale.mul(factor);
  variable.assign(tf.stack([next, good.mul(tf.sub(1, doubles)).mul(steps.add(1))]) as Tensor1D);
  return tf.logicalAnd(tf.isFinite(loss), next.greaterEqual(LEAST_SCALE));
}
