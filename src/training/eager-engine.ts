import type { ModelOptions } from '../model/model.ts';
import type { Weights } from '../model/weights.ts';
import type { TF } from '../tensorflow/load.ts';
import { updateFactors } from './adamw.ts';
import { batchTensors } from './batch.ts';
import type { Engine } from './engine.ts';
import { createLearner } from './learner.ts';
import { differentiate } from './step.ts';

/** The steps as tfjs executes them, op by op. */
export function createEagerEngine(tf: TF, initial: Weights, options: ModelOptions): Engine {
  const learner = createLearner(tf, initial, options);
  const { model, optimizer } = learner;
  return {
    train: (batch, learningRate, seed) =>
      tf.tidy(() => {
        const { signals, labels } = batchTensors(tf, batch);
        const seeds = tf.tensor1d([...seed], 'int32');
        const { loss, gradients, finite } = differentiate(tf, model, signals, labels, seeds);
        if (!finite.dataSync()[0]) return Number.NaN;
        learner.updates++;
        optimizer.update(gradients, updateFactors(learningRate, learner.updates));
        return loss.dataSync()[0]!;
      }),
    predict: (batch) =>
      tf.tidy(() => Float32Array.from(model.predict(batchTensors(tf, batch).signals).dataSync())),
    getWeights: () => model.getWeights(),
    setWeights: (weights) => model.setWeights(weights),
    getOptimizer: () => learner.getOptimizer(),
    setOptimizer: (state) => learner.setOptimizer(state),
    dispose: () => learner.dispose(),
  };
}
