import type {
  Scalar,
  Tensor,
  Tensor1D,
  Tensor2D,
  Tensor3D,
  Tensor4D,
  Variable,
} from '@tensorflow/tfjs-node-gpu';
import { DETECTORS, SAMPLE_LENGTH } from '../strain.ts';
import type { TF } from '../tensorflow/load.ts';
import { BATCH_NORM_EPSILON, normalizeBatch, seededUniform, silu } from './kernels.ts';
import { ARCHITECTURES, type Preset } from './presets.ts';
import { isTrainable, type Weights } from './weights.ts';

/** What is left of a moving statistic after an update. */
const MOMENTUM = 0.9;

export interface ModelOptions {
  preset: Preset;
  /** Share of the dense layers' outputs that training sets to 0; from 0 up to, but without, 1. */
  dropout: number;
}

export interface Model {
  /** Every array by its name in weights.npz; those of the moving statistics aren't trainable. */
  readonly variables: ReadonlyMap<string, Variable>;
  /** Probability [B] of a signal in each sample [B, 3, 4096], by the moving statistics, without dropout. */
  predict(signals: Tensor3D): Tensor1D;
  /**
   * Probability [B] by the batch's own statistics and with dropout, differentiable by the trainable variables.
   * Moves the moving statistics. Equal seeds (int32 [2]) drop equal outputs.
   */
  predictForTraining(signals: Tensor3D, seed: Tensor1D): Tensor1D;
  /** A copy. */
  getWeights(): Weights;
  /** Copies; shapes must be those of the architecture (checkWeights). */
  setWeights(weights: Weights): void;
  dispose(): void;
}

/** How the layers that act otherwise in training do their work. */
interface Mode {
  /** Batch norm `name` of h + bias, over all axes but the last. */
  normalize(h: Tensor4D, name: string, bias: Tensor1D): Tensor4D;
  drop(h: Tensor2D, layer: number): Tensor2D;
}

/**
 * The model of a preset: convolution blocks, a generalized mean over time (GeM: Radenovic et al., 2018), dense
 * layers, one probability. DIYModel has 676,258 trainable numbers.
 */
export function createModel(tf: TF, initial: Weights, { preset, dropout }: ModelOptions): Model {
  const { shared, merged, dense } = ARCHITECTURES[preset];
  const variables = new Map<string, Variable>();
  tf.tidy(() => {
    for (const [name, { shape }] of initial)
      variables.set(name, tf.variable(tf.zeros([...shape]), isTrainable(name)));
  });

  const get = <T extends Tensor>(name: string): T => variables.get(name) as Tensor as T;

  function forward(signals: Tensor3D, mode: Mode): Tensor1D {
    const maps = DETECTORS.map((_, detector) => {
      const strain = signals
        .slice([0, detector, 0], [-1, 1, -1])
        .reshape<Tensor4D>([-1, 1, SAMPLE_LENGTH, 1]);
      return shared.reduce((h, _, i) => convolve(h, i, mode), strain);
    });
    let h = merged.length === 0 ? tf.concat(maps.map(pool), 1) : pool(merge(maps, mode));
    for (const [layer, { name, units }] of dense.entries()) {
      const products = tf.matMul<Tensor4D>(h, get(`${name}_W`)).reshape<Tensor4D>([-1, 1, 1, units]);
      const normalized = mode.normalize(products, `${name}_bn`, get(`${name}_b`));
      h = mode.drop(silu(tf, normalized).reshape([-1, units]), layer);
    }
    return tf.matMul(h, get('out_W')).add(get('out_b')).sigmoid().reshape([-1]);
  }

  /** The detectors' channels side by side, through the blocks behind. */
  function merge(maps: Tensor4D[], mode: Mode): Tensor4D {
    return merged.reduce((h, _, i) => convolve(h, shared.length + i, mode), tf.concat(maps, 3));
  }

  /** [B, 1, T, in] -> [B, 1, T / 4, out] */
  function convolve(h: Tensor4D, i: number, mode: Mode): Tensor4D {
    const weights = get<Tensor3D>(`conv${i}_W`);
    const kernel = weights.reshape<Tensor4D>([1, ...weights.shape]);
    const convolved = tf.conv2d(h, kernel, 1, 'same');
    const activated = silu(tf, mode.normalize(convolved, `bn${i}`, get(`conv${i}_b`)));
    return tf.maxPool(activated, [1, 4], [1, 4], 'same');
  }

  /** GeM: [B, 1, T, C] -> [B, C], the mean over time of the p-th powers, and its p-th root. */
  function pool(h: Tensor4D): Tensor2D {
    const p = get<Tensor1D>('gem_p').clipByValue(1, 10);
    return h.clipByValue(1e-6, 1e10).pow(p).mean<Tensor2D>([1, 2]).pow(tf.div(1, p));
  }

  const evaluation: Mode = {
    normalize: (h, name, bias) =>
      tf.batchNorm4d(
        h,
        // (h + bias) - mean, without a pass over h for the bias.
        get<Tensor1D>(`${name}_mean`).sub(bias),
        get(`${name}_var`),
        get(`${name}_beta`),
        get(`${name}_gamma`),
        BATCH_NORM_EPSILON,
      ),
    drop: (h) => h,
  };

  function training(seed: Tensor1D): Mode {
    return {
      // A bias before a batch norm cancels against the mean: it moves the mean, and its gradient is 0.
      normalize: (h, name, bias) => {
        const { output, mean, variance } = normalizeBatch(tf, h, get(`${name}_gamma`), get(`${name}_beta`));
        move(`${name}_mean`, mean.add(bias));
        move(`${name}_var`, variance);
        return output;
      },
      drop: (h, layer) => {
        if (dropout === 0) return h;
        const ofLayer = seed
          .mul(tf.tensor1d([1, dense.length], 'int32'))
          .add<Tensor1D>(tf.tensor1d([0, layer], 'int32'));
        const kept = seededUniform(tf, h.shape, ofLayer).greaterEqual(dropout);
        return h.mul(kept.cast('float32').mul(1 / (1 - dropout)));
      },
    };
  }

  function move(name: string, batch: Tensor): void {
    const moving = variables.get(name)!;
    moving.assign(moving.mul(MOMENTUM).add(batch.mul(1 - MOMENTUM)));
  }

  const model: Model = {
    variables,
    predict: (signals) => tf.tidy(() => forward(signals, evaluation)),
    predictForTraining: (signals, seed) => tf.tidy(() => forward(signals, training(seed))),
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
  const chance = labels.mul(p.log()).add(tf.sub(1, labels).mul(tf.sub(1, p).log()));
  return chance.mean<Scalar>().neg();
}

/** Probabilities are clipped to [CLIP, 1 - CLIP] before their logarithm is taken. */
export const CLIP = 1e-7;
