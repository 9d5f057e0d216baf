import { listConvolutions, type NetworkPlan, planNetwork } from '../model/network-plan.ts';
import { BATCH_NORM_EPSILON } from '../model/operations.ts';
import { ARCHITECTURES, type ConvolutionalPreset, POWER_RANGE } from '../model/presets.ts';
import type { Weights } from '../model/weights.ts';
import { inverseTaper } from '../signal/sample-taper.ts';

/**
 * A trained model for other programs: only what prediction computes, with each batch norm folded into the layer
 * before it. Each file format encodes it in its own ops. model/model.ts computes the same, up to rounding.
 */
export interface Network {
  /** What each time point of the input is multiplied with first [4096]. */
  gain?: Float32Array;
  plan: NetworkPlan;
  /** The plan's convolutions by their numbers. */
  convolutions: readonly FoldedConvolution[];
  /** p of the generalized mean over time: the p-th root of the mean of x^p, with x clipped to POOLED_RANGE. */
  power: number;
  /** What x^p is multiplied with at each time point before the mean. */
  timeWeights?: Float32Array;
  /** Matrix and SiLU each. */
  dense: readonly Layer[];
  /** Matrix and sigmoid: one probability. */
  output: Layer;
}

/** A linear layer. */
export interface Layer {
  name: string;
  /** [kernel, in, out] for a convolution, [in, out] for a matrix. */
  shape: readonly number[];
  /** C order. */
  weights: Float32Array;
  /** [out] */
  bias: Float32Array;
}

export interface FoldedConvolution extends Layer {
  /** p of the generalized mean that follows, if one does. */
  power: number | undefined;
}

/** Names of the network's input, float32 [batch, 3, 4096], and of its output, float32 [batch]. */
export const INPUT = 'signal';
export const OUTPUT = 'probability';

/** The weights must be those of the preset (checkWeights). */
export function foldNetwork(preset: ConvolutionalPreset, weights: Weights): Network {
  const { timed, dense } = ARCHITECTURES[preset];
  const plan = planNetwork(ARCHITECTURES[preset]);
  const [low, high] = POWER_RANGE;
  const power = (name: string) => Math.min(Math.max(weights.get(name)!.data[0]!, low), high);
  return {
    ...(timed && { gain: inverseTaper(), timeWeights: timeWeights(weights.get('gem_time')!.data) }),
    plan,
    convolutions: listConvolutions(plan).map(({ convolution: { number, norm, pooling } }) => ({
      ...(norm ? foldLayer(weights, `conv${number}`, `bn${number}`) : linearLayer(weights, `conv${number}`)),
      power: pooling?.kind === 'mean' ? power(`conv${number}_p`) : undefined,
    })),
    power: power('gem_p'),
    dense: dense.map(({ name }) => foldLayer(weights, name, `${name}_bn`)),
    output: linearLayer(weights, 'out'),
  };
}

/** Softmax of the logits, times their number. */
function timeWeights(logits: Float32Array): Float32Array {
  const largest = logits.reduce((most, x) => Math.max(most, x));
  const powers = Float64Array.from(logits, (x) => Math.exp(x - largest));
  const mean = powers.reduce((total, x) => total + x) / powers.length;
  return Float32Array.from(powers, (x) => x / mean);
}

function linearLayer(weights: Weights, name: string): Layer {
  const { shape, data } = weights.get(`${name}_W`)!;
  return { name, shape, weights: data, bias: weights.get(`${name}_b`)!.data };
}

/** gamma (W x + b - mean) / sqrt(variance + epsilon) + beta as one linear layer, rounded once. */
function foldLayer(weights: Weights, name: string, norm: string): Layer {
  const layer = linearLayer(weights, name);
  const [gamma, beta, mean, variance] = ['gamma', 'beta', 'mean', 'var'].map(
    (part) => weights.get(`${norm}_${part}`)!.data,
  ) as [Float32Array, Float32Array, Float32Array, Float32Array];
  const scale = Float64Array.from(gamma, (value, i) => value / Math.sqrt(variance[i]! + BATCH_NORM_EPSILON));
  return {
    ...layer,
    weights: layer.weights.map((value, i) => value * scale[i % scale.length]!),
    bias: layer.bias.map((value, i) => (value - mean[i]!) * scale[i]! + beta[i]!),
  };
}
