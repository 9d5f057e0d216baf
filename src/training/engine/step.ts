import type { NamedTensorMap, Scalar, Tensor1D, Tensor3D } from '@tensorflow/tfjs-node-gpu';
import { crossEntropy, type Model } from '../../model/model.ts';
import type { TF } from '../../tensorflow/install/load.ts';

/** What a training step on a batch computes before the update. */
export interface Differentiated {
  /** Mean over the batch, by the weights as they are. */
  loss: Scalar;
  /** By the variables' own names. */
  gradients: NamedTensorMap;
  /** Bool: whether the loss and all gradients are finite. */
  finite: Scalar;
}

/** Loss and gradients; moves the moving statistics. `seed`, int32 [2], decides which outputs are dropped. */
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
  // What isn't a number needn't reach the loss (max-pool and the clippings let go of it), but it reaches gradients.
  const sums = Object.values(grads).map((gradient) => gradient.sum());
  return {
    loss: value,
    gradients: grads,
    finite: tf.isFinite(tf.addN<Scalar>([value, ...(sums as Scalar[])])),
  };
}
