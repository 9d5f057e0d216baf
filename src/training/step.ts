import { crossEntropy, type DiyModel } from '../model/diy.ts';
import type { TF } from '../tensorflow/load.ts';
import type { AdamW } from './adamw.ts';
import { type Batch, batchTensors } from './batch.ts';

/**
 * One training step: the loss and its gradients on one batch, then one update. Returns the loss before the update;
 * when that isn't finite, nothing is updated.
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
    const loss = value.dataSync()[0]!;
    if (Number.isFinite(loss)) optimizer.update(grads, learningRate);
    return loss;
  });
}
