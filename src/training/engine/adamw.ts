import type { Scalar, Tensor1D, Variable } from '@tensorflow/tfjs-node-gpu';
import type { TF } from '../../tensorflow/install/load.ts';
import { assignFlat, flatten } from './flat.ts';

const BETA_1 = 0.9;
const BETA_2 = 0.999;
const EPSILON = 1e-7;
const WEIGHT_DECAY = 1e-4;

/** Factors of an update that depend on the learning rate, the number of the update and the decay of the average. */
export interface UpdateFactors<T extends number | Scalar = number | Scalar> {
  /** Factor by which weight decay shrinks a weight. */
  kept: T;
  /** Learning rate for the quotient of the moments, including the bias corrections. */
  rate: T;
  /** Share of the new weights in their moving average. */
  share: T;
}

/**
 * Factors of update number `step`, from 1. They are computed here and fed to the graph, so both engines use the same numbers.
 */
export function updateFactors(learningRate: number, step: number, decay = 0): UpdateFactors<number> {
  return {
    kept: 1 - learningRate * WEIGHT_DECAY,
    rate: (learningRate * Math.sqrt(1 - BETA_2 ** step)) / (1 - BETA_1 ** step),
    // A lower decay at the start, as TensorFlow's ExponentialMovingAverage has it: the first weights are forgotten sooner.
    share: 1 - Math.min(decay, (1 + step) / (10 + step)),
  };
}

export interface AdamW {
  /** First and second moment of the gradient, each a vector of all trainable weights. */
  readonly moments: readonly [Variable, Variable];
  /** Moving average of the weights, such a vector too. */
  readonly average: Variable | undefined;
  /** Updates the variables once. `gradient` is a vector as flatten makes it. */
  update(gradient: Tensor1D, factors: UpdateFactors): void;
  dispose(): void;
}

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter, 2019) as Keras computes it: the decay
 * w -= 1e-4 * learning rate * w comes first, and epsilon is added to the square root of the uncorrected second moment.
 *
 * It computes with vectors of all weights: on a GPU an op for each of 30 arrays costs more than its work. If it averages, each
 * update moves the average of the weights (Polyak and Juditsky, 1992; exponential), too: average += share * (w - average).
 */
export function createAdamW(tf: TF, variables: readonly Variable[], averages = false): AdamW {
  const size = variables.reduce((sum, variable) => sum + variable.size, 0);
  const zeros = () => tf.tidy(() => tf.variable(tf.zeros([size]), false));
  const [first, second] = [zeros(), zeros()];
  const average = averages ? tf.tidy(() => tf.variable(flatten(tf, variables), false)) : undefined;
  return {
    moments: [first, second],
    average,
    update: (gradient, { kept, rate, share }) =>
      tf.tidy(() => {
        first.assign(first.add(gradient.sub(first).mul(1 - BETA_1)));
        second.assign(
          second.add(
            gradient
              .square()
              .sub(second)
              .mul(1 - BETA_2),
          ),
        );
        const decayed = flatten(tf, variables).mul<Tensor1D>(kept);
        const updated = decayed.sub<Tensor1D>(first.mul(rate).div(second.sqrt().add(EPSILON)));
        assignFlat(tf, variables, updated);
        average?.assign(average.add(updated.sub(average).mul(share)));
      }),
    dispose: () => {
      tf.dispose([first, second]);
      average?.dispose();
    },
  };
}
