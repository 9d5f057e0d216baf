import { crossEntropy, type DiyModel } from '../model/diy.ts';
import type { TF } from '../tensorflow/load.ts';
import type { AdamW } from './adamw.ts';
import { type Batch, batchTensors } from './batch.ts';

/**
 * One training step: the loss and its gradients on one batch, then one update. Returns the loss before the update. When
 * it or a gradient isn't finite, no weight is updated, and NaN is returned.
 */
export function trainStep(
  tf: TF,
  model: DiyModel,
  optimizer: AdamW,
  batch: Batch,
  learningRate: number,
  dropoutSeed: readonly [number, number],
): number {
  return tf.tidy(() => {
    const { signals, labels } = batchTensors(tf, batch);
    const trainable = [...model.variables.values()].filter((variable) => variable.trainable);
    const { value, grads } = tf.variableGrads(
      () => crossEntropy(tf, labels, model.predictForTraining(signals, dropoutSeed)),
      trainable,
    );
    // What isn't a number needn't reach the loss (max-pool and the clippings let go of it), but it reaches gradients.
    const sum = tf.addN(Object.values(grads).map((gradient) => gradient.sum()));
    if (!Number.isFinite(value.dataSync()[0]! + sum.dataSync()[0]!)) return Number.NaN;
    optimizer.update(grads, learningRate);
    return value.dataSync()[0]!;
  });
}
