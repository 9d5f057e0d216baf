import type { Tensor, Tensor1D, Tensor3D } from '@tensorflow/tfjs-node-gpu';

/** How a preset computes its logits from weights that `get` returns by name. */
export interface Network {
  logits(signals: Tensor3D): Tensor1D;
  /** The logits of Model.probabilitiesForTraining. */
  logitsForTraining(signals: Tensor3D, seed: Tensor1D): Tensor1D;
}

export type Get = <T extends Tensor>(name: string) => T;
