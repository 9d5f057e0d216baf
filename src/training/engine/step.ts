import type { Scalar, Tensor1D, Tensor3D, Variable } from '@tensorflow/tfjs-node-gpu';
import { crossEntropy, type Model } from '../../model/model.ts';
import type { TF } from '../../tensorflow/install/load.ts';
import { flatten } from './flat.ts';

/** Result of a training step on a batch before the update. */
export interface Differentiated {
  /** Mean over the batch, with the current weights. */
  loss: Scalar;
  /** Of all trainable variables, as flatten orders them; 0 for one that has no effect. */
  gradient: Tensor1D;
  /** Bool: whether the loss and the gradient are finite. */
  finite: Scalar;
}

/**
 * Computes the loss and its gradient by `trainable`, and updates the moving statistics. `seed`, int32 [2], is the seed of dropout.
 * The loss is multiplied by `scale` before it is differentiated; loss and gradient are returned unscaled.
 */
export function differentiate(
  tf: TF,
  model: Model,
  trainable: readonly Variable[],
  { signals, labels }: { signals: Tensor3D; labels: Tensor1D },
  seed: Tensor1D,
  scale?: Scalar,
): Differentiated {
  const computeLoss = () => crossEntropy(tf, labels, model.probabilitiesForTraining(signals, seed));
  const { value, grads } = tf.variableGrads(
    () => (scale === undefined ? computeLoss() : computeLoss().mul(scale)),
    [...trainable],
  );
  const scaled = flatten(
    tf,
    trainable.map(({ name, shape }) => grads[name] ?? tf.zeros(shape)),
  );
  return {
    loss: scale === undefined ? value : value.div(scale),
    gradient: scale === undefined ? scaled : scaled.div(scale),
    // A NaN may not reach the loss, since max-pool and clipping can drop it, but it reaches the gradient.
    finite: tf.isFinite(value.add(scaled.sum())),
  };
}
