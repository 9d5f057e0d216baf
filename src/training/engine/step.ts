import type { NamedTensorMap, Scalar, Tensor1D, Tensor3D } from '@tensorflow/tfjs-node-gpu';
import { crossEntropy, type Model } from '../../model/model.ts';
import type { TF } from '../../tensorflow/install/load.ts';

/** Result of a training step on a batch before the update. */
export interface Differentiated {
  /** Mean over the batch, with the current weights. */
  loss: Scalar;
  /** Keyed by variable name. */
  gradients: NamedTensorMap;
  /** Bool: whether the loss and all gradients are finite. */
  finite: Scalar;
}

/** Computes loss and gradients, and updates the moving statistics. `seed`, int32 [2], is the seed of dropout. */
export function differentiate(
  tf: TF,
  model: Model,
  { signals, labels }: { signals: Tensor3D; labels: Tensor1D },
  seed: Tensor1D,
): Differentiated {
  const trainable = [...model.variables.values()].filter((variable) => variable.trainable);
  const { value, grads } = tf.variableGrads(
    () => crossEntropy(tf, labels, model.predictForTraining(signals, seed)),
    trainable,
  );
  // A NaN may not reach the loss, since max-pool and clipping can drop it, but it reaches the gradients.
  const sums = Object.values(grads).map((gradient) => gradient.sum());
  return {
    loss: value,
    gradients: grads,
    finite: tf.isFinite(tf.addN<Scalar>([value, ...(sums as Scalar[])])),
  };
}
