import type { Tensor3D } from '@tensorflow/tfjs-node-gpu';
import { createRandomStream } from '../../src/core/random.ts';
import { createModel } from '../../src/model/model.ts';
import { isConvolutional, type Preset } from '../../src/model/presets.ts';
import { initialWeights, type Weights } from '../../src/model/weights.ts';
import { sigmoid } from '../../src/training/fit/logit.ts';
import { tf } from '../model/tensorflow.ts';

/** [5, 3, 4096]. The detectors have different amplitudes, so that their order matters. */
export function makeSignals(): Tensor3D {
  return tf.tidy(() => {
    const noise = tf.randomNormal([5, 3, 4096], 0, 1, 'float32', 3);
    return noise.mul(tf.tensor3d([1, 2, 0.5], [1, 3, 1])) as Tensor3D;
  });
}

/** Our own prediction for the signals. */
export function predict(preset: Preset, weights: Weights, signals: Tensor3D): Float32Array {
  return computeLogits(preset, weights, signals).map(sigmoid);
}

function computeLogits(preset: Preset, weights: Weights, signals: Tensor3D): Float32Array {
  const model = createModel(tf, weights, { preset, dropout: 0.5 });
  try {
    return Float32Array.from(model.logits(signals).dataSync());
  } finally {
    model.dispose();
  }
}

/**
 * Weights without their initial constants, as after a training, that separate the signals: the mean logit is 0, where a probability
 * is most sensitive to the features, and their standard deviation 1.
 */
export function usedWeights(preset: Preset, signals: Tensor3D): Weights {
  const random = createRandomStream(1, 0, 0);
  const weights = initialWeights(preset, 1);
  for (const [name, { data }] of weights) {
    if (name.endsWith('_W')) continue;
    for (let i = 0; i < data.length; i++) data[i]! += 0.2 * Math.abs(random.normal());
  }
  // Below the range to which the model clips it.
  if (preset === 'coherent-v1') weights.get('gem_p')!.data[0] = 0.5;
  const logits = computeLogits(preset, weights, signals);
  const mean = logits.reduce((sum, logit) => sum + logit) / logits.length;
  const deviation = Math.sqrt(logits.reduce((sum, logit) => sum + (logit - mean) ** 2, 0) / logits.length);
  const output = weights.get(isConvolutional(preset) ? 'out_W' : 'out_scale')!.data;
  const bias = weights.get('out_b')!.data;
  for (let i = 0; i < output.length; i++) output[i]! /= deviation;
  bias[0] = (bias[0]! - mean) / deviation;
  return weights;
}
