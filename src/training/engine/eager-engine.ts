import type { Tensor1D, Tensor3D } from '@tensorflow/tfjs-node-gpu';
import type { Weights } from '../../model/weights.ts';
import { decodeFloats } from '../../tensorflow/graph/encoded.ts';
import type { TF } from '../../tensorflow/install/load.ts';
import type { Batch } from '../input/batch.ts';
import { updateFactors } from './adamw.ts';
import { augment } from './augment.ts';
import type { Engine, EngineOptions, EngineSettings } from './engine.ts';
import { createLearner } from './learner.ts';
import type { Samples } from './recombine.ts';
import { differentiate } from './step.ts';

/** Runs the steps op by op, as tfjs executes them. */
export function createEagerEngine(
  tf: TF,
  initial: Weights,
  settings: EngineSettings,
  options: EngineOptions,
): Engine {
  const learner = createLearner(tf, initial, settings, options);
  const { model, optimizer, trainable } = learner;
  let lossSum = 0;
  const makeSamples = ({ labels, ...batch }: Batch, seeds: Tensor1D): Samples => {
    const signals = decodeFloats(tf, batch.signals) as Tensor3D;
    const injected = batch.injected && (decodeFloats(tf, batch.injected) as Tensor3D);
    return augment(tf, { signals, labels, injected }, seeds, settings);
  };
  return {
    train: (batch, learningRate, seed) =>
      tf.tidy(() => {
        const seeds = tf.tensor1d([...seed], 'int32');
        const samples = makeSamples(batch, seeds);
        const { loss, gradient, finite } = differentiate(tf, model, trainable, samples, seeds);
        const isGood = finite.dataSync()[0] === 1;
        lossSum += isGood ? loss.dataSync()[0]! * batch.size : Number.NaN;
        if (!isGood) return;
        learner.updates++;
        optimizer.update(gradient, updateFactors(learningRate, learner.updates, settings.average_weights));
      }),
    takeLoss: () => {
      const taken = lossSum;
      lossSum = 0;
      return taken;
    },
    logits: ({ signals }) =>
      tf.tidy(() => Float32Array.from(model.logits(decodeFloats(tf, signals) as Tensor3D).dataSync())),
    useAverage: () => learner.useAverage(),
    adjustStatistics: (batch, seed) =>
      tf.tidy(() => {
        const seeds = tf.tensor1d([...seed], 'int32');
        model.probabilitiesForTraining(makeSamples(batch, seeds).signals, seeds);
      }),
    getWeights: () => model.getWeights(),
    setWeights: (weights) => model.setWeights(weights),
    getOptimizer: () => learner.getOptimizer(),
    setOptimizer: (state) => learner.setOptimizer(state),
    dispose: () => learner.dispose(),
  };
}
