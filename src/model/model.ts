import type { Scalar, Tensor, Tensor1D, Tensor3D, Variable } from '@tensorflow/tfjs-node-gpu';
import type { TF } from '../tensorflow/install/load.ts';
import { type ConvolutionKind, createConvolutionalNetwork } from './convolutional-network.ts';
import type { Get } from './logit-network.ts';
import { createFilterNetwork } from './matched-filters.ts';
import { isConvolutional, type Preset } from './presets.ts';
import { isTrainable, type Weights } from './weights.ts';

export interface ModelOptions {
  preset: Preset;
  /** Share of the dense layers' outputs that training sets to 0; at least 0, below 1. */
  dropout: number;
  /** How the blocks are computed; default: direct. */
  convolution?: ConvolutionKind;
}

export interface Model {
  /** Every array by its name in weights.npz. The moving statistics aren't trainable. */
  readonly variables: ReadonlyMap<string, Variable>;
  /**
   * Logit [B] of the probability of a signal in each sample [B, 3, 4096], with the moving statistics and without dropout. In
   * float32 a probability rounds to 1 from a logit of 17 on, so samples are ranked by their logits.
   */
  logits(signals: Tensor3D): Tensor1D;
  /**
   * Probability [B] with the batch's own statistics and with dropout, differentiable with respect to the trainable
   * variables. Updates the moving statistics. Equal seeds (int32 [2]) drop the same outputs.
   */
  probabilitiesForTraining(signals: Tensor3D, seed: Tensor1D): Tensor1D;
  /** Returns copies. */
  getWeights(): Weights;
  /** Copies the arrays, which must have the shapes of the architecture (checkWeights). */
  setWeights(weights: Weights): void;
  dispose(): void;
}

export function createModel(tf: TF, initial: Weights, { preset, ...options }: ModelOptions): Model {
  const variables = new Map<string, Variable>();
  tf.tidy(() => {
    for (const [name, { shape }] of initial)
      variables.set(name, tf.variable(tf.zeros([...shape]), isTrainable(name)));
  });
  const get: Get = <T extends Tensor>(name: string) => variables.get(name) as Tensor as T;
  const network = isConvolutional(preset)
    ? createConvolutionalNetwork(tf, get, preset, options)
    : createFilterNetwork(tf, get);
  const model: Model = {
    variables,
    logits: (signals) => tf.tidy(() => network.logits(signals)),
    probabilitiesForTraining: (signals, seed) =>
      tf.tidy(() => network.logitsForTraining(signals, seed).sigmoid()),
    getWeights: () =>
      new Map(
        [...variables].map(([name, variable]) => [
          name,
          { dtype: '<f4', shape: variable.shape, data: Float32Array.from(variable.dataSync()) },
        ]),
      ),
    setWeights: (weights) =>
      tf.tidy(() => {
        for (const [name, variable] of variables) {
          const { shape, data } = weights.get(name)!;
          variable.assign(tf.tensor(Float32Array.from(data), [...shape]));
        }
      }),
    dispose: () => {
      for (const variable of variables.values()) variable.dispose();
    },
  };
  model.setWeights(initial);
  return model;
}

/** Mean binary cross-entropy of probabilities [B] and labels [B] (0 or 1). */
export function crossEntropy(tf: TF, labels: Tensor1D, probabilities: Tensor1D): Scalar {
  const p = probabilities.clipByValue(CLIP, 1 - CLIP);
  const logLikelihood = labels.mul(p.log()).add(tf.sub(1, labels).mul(tf.sub(1, p).log()));
  return logLikelihood.mean<Scalar>().neg();
}

/** Probabilities are clipped to [CLIP, 1 - CLIP] before their logarithm is taken. */
export const CLIP = 1e-7;
