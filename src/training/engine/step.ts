import type { NamedTensorMap, Scalar, Tensor, Tensor1D, Tensor3D } from '@tensorflow/tfjs-node-gpu';
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

/**
 * Computes loss and gradients, and updates the moving statistics. `seed`, int32 [2], is the seed of dropout. The loss
 * is multiplied by `scale` before it is differentiated; loss and gradients are returned unscaled.
 */
export function differentiate(
  tf: TF,
  model: Model,
  { signals, labels }: { signals: Tensor3D; labels: Tensor1D },
  seed: Tensor1D,
  scale?: Scalar,
): Differentiated {
  const trainable = [...model.variables.values()].filter((variable) => variable.trainable);
  const computeLoss = () => crossEntropy(tf, labels, model.predictForTraining(signals, seed));
  const { value, grads } = tf.variableGrads(
    () => (scale === undefined ? computeLoss() : computeLoss().mul(scale)),
    trainable,
  );
  // A NaN may not reach the loss, since max-pool and clipping can drop it, but it reaches the gradients.
  const sums = Object.values(grads).map((gradient) => gradient.sum());
  const unscale = <T extends Tensor>(x: T): T => (scale === undefined ? x : x.div(scale));
  return {
    loss: unscale(value),
    gradients: Object.fromEntries(Object.entries(grads).map(([name, gradient]) => [name, unscale(gradient)])),
    finite: tf.isFinite(tf.addN<Scalar>([value, ...(sums as Scalar[])])),
  };
}
