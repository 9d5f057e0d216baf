import type { Tensor, Tensor1D, Tensor2D, Tensor3D } from '@tensorflow/tfjs-node-gpu';
import { gather, seededUniform, sortedOrder } from '../../model/operations.ts';
import type { TF } from '../../tensorflow/install/load.ts';

export interface Samples {
  /** [B, 3, 4096] */
  signals: Tensor3D;
  /** [B]; between 0 and 1 after mixup. */
  labels: Tensor1D;
}

/**
 * Makes new noise samples: each takes H1, L1 and V1 from three noise samples of the batch, since the noise of one detector doesn't
 * depend on that of another. Samples with a signal stay as they are.
 */
export function recombineNoise(tf: TF, { signals, labels }: Samples, seed: Tensor1D): Tensor3D {
  const isNoise = tf.sub(1, labels);
  const rank = tf.cumsum(isNoise).sub(1).maximum(0).cast('int32');
  const own = tf.range(0, signals.shape[0]).mul(labels);
  const orders = orderNoise(tf, { signals, labels }, seed);
  return takeDetectors(
    tf,
    signals,
    orders.map((order) => gather(tf, order, rank).mul(isNoise).add(own)),
  );
}

/** For each detector the indices (float32) of the noise samples in a random order, then those of the samples with a signal. */
export function orderNoise(tf: TF, { signals, labels }: Samples, seed: Tensor1D): Tensor1D[] {
  const [size, detectors] = signals.shape;
  const drawn = seededUniform(tf, [detectors, size], seed).add<Tensor2D>(labels.mul(2));
  return tf.unstack(sortedOrder(tf, drawn).cast('float32')) as Tensor1D[];
}

/** Samples whose detectors come from the samples of these indices [B], one array for each detector. */
export function takeDetectors(tf: TF, signals: Tensor3D, sources: Tensor[]): Tensor3D {
  const taken = sources.map((source, detector) =>
    gather(tf, signals.slice([0, detector, 0], [-1, 1, -1]), source.cast('int32')),
  );
  return tf.concat(taken, 1);
}
