import type { NamedTensorMap, Scalar, Tensor, Variable } from '@tensorflow/tfjs-node-gpu';
import type { TF } from '../../tensorflow/install/load.ts';

const BETA_1 = 0.9;
const BETA_2 = 0.999;
const EPSILON = 1e-7;
const WEIGHT_DECAY = 1e-4;

/** Factors of an update that depend on the learning rate and the number of the update. */
export interface UpdateFactors<T extends number | Scalar = number | Scalar> {
  /** Factor by which weight decay shrinks a weight. */
  kept: T;
  /** Learning rate for the quotient of the moments, including the bias corrections. */
  rate: T;
}

/**
 * Factors of update number `step`, from 1. They are computed here and fed to the graph, so both engines use the same numbers.
 */
export function updateFactors(learningRate: number, step: number): UpdateFactors<number> {
  return {
    kept: 1 - learningRate * WEIGHT_DECAY,
    rate: (learningRate * Math.sqrt(1 - BETA_2 ** step)) / (1 - BETA_1 ** step),
  };
}

export interface AdamW {
  /** First and second moment of each trainable variable's gradient, alternating. */
  readonly moments: readonly Variable[];
  /**
   * Updates every trainable variable once. `gradients` is keyed by variable name; a variable without an entry
   * (gradient 0) only decays.
   */
  update(gradients: NamedTensorMap, factors: UpdateFactors): void;
  dispose(): void;
}

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter, 2019) as Keras computes it: the decay
 * w -= 1e-4 * learning rate * w comes first, and epsilon is added to the square root of the uncorrected second moment.
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
