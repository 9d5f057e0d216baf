/** Several tensors as one vector: their values one after another, each in C order. */
import type { Tensor, Tensor1D, Variable } from '@tensorflow/tfjs-node-gpu';
import type { TF } from '../../tensorflow/install/load.ts';

export function flatten(tf: TF, tensors: readonly Tensor[]): Tensor1D {
  const vectors = tensors.map((tensor) => tensor.reshape<Tensor1D>([-1]));
  return vectors.length === 1 ? vectors[0]! : tf.concat1d(vectors);
}

/** Assigns the values of a vector to the variables. */
export function assignFlat(tf: TF, variables: readonly Variable[], vector: Tensor): void {
  const sizes = variables.map(({ size }) => size);
  for (const [i, part] of tf.split(vector, sizes).entries())
    variables[i]!.assign(part.reshape(variables[i]!.shape));
}
