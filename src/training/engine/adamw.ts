import type { NamedTensorMap, Scalar, Tensor, Variable } from '@tensorflow/tfjs-node-gpu';
import type { TF } from '../../tensorflow/install/load.ts';

const BETA_1 = 0.9;
const BETA_2 = 0.999;
const EPSILON = 1e-7;
const WEIGHT_DECAY = 1e-4;

/** What an update needs to know of the learning rate and of its number. */
export interface UpdateFactors<T extends number | Scalar = number | Scalar> {
  /** What the decay leaves of a weight. */
  kept: T;
  /** Learning rate by which the moments' quotient is taken, with the corrections for their start from 0. */
  rate: T;
}

/** Of update number `step`, from 1. */
export function updateFactors(learningRate: number, step: number): UpdateFactors<number> {
  return {
    kept: 1 - learningRate * WEIGHT_DECAY,
    rate: (learningRate * Math.sqrt(1 - BETA_2 ** step)) / (1 - BETA_1 ** step),
  };
}

export interface AdamW {
  /** First and second moment of each trainable variable's gradient, by turns. */
  readonly moments: readonly Variable[];
  /**
   * One update of every trainable variable. `gradients` is keyed by the variables' own names; a variable that has none
   * there (gradient 0) only decays.
   */
  update(gradients: NamedTensorMap, factors: UpdateFactors): void;
  dispose(): void;
}

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter, 2019) as Keras computes it: the decay
 * w -= 1e-4 * learning rate * w comes first, and epsilon is added to the root of the uncorrected second moment.
 */
export function createAdamW(tf: TF, variables: Iterable<Variable>): AdamW {
  const zeros = (variable: Variable) => tf.tidy(() => tf.variable(tf.zerosLike(variable), false));
  const slots = [...variables]
    .filter((variable) => variable.trainable)
    .map((variable) => ({ variable, first: zeros(variable), second: zeros(variable) }));
  const moments = slots.flatMap(({ first, second }) => [first, second]);

  return {
    moments,
    update: (gradients, { kept, rate }) =>
      tf.tidy(() => {
        for (const { variable, first, second } of slots) {
          const decayed = variable.mul<Tensor>(kept);
          const gradient = gradients[variable.name];
          if (gradient === undefined) {
            variable.assign(decayed);
            continue;
          }
          first.assign(first.add(gradient.sub(first).mul(1 - BETA_1)));
          second.assign(
            second.add(
              gradient
                .square()
                .sub(second)
                .mul(1 - BETA_2),
            ),
          );
          variable.assign(decayed.sub(first.mul(rate).div(second.sqrt().add(EPSILON))));
        }
      }),
    dispose: () => {
      tf.dispose([...moments]);
    },
  };
}
