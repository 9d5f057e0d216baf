import type { Tensor, Tensor1D, Tensor2D, Tensor3D, Variable } from '@tensorflow/tfjs-node-gpu';
import { SAMPLE_LENGTH } from '../core/strain.ts';
import { inverseTaper } from '../signal/sample-taper.ts';
import type { TF } from '../tensorflow/install/load.ts';
import { createDirectConvolution, createFourierConvolution } from './convolution.ts';
import { createDetectorMaps } from './detector-maps.ts';
import { createJointMaps } from './joint-maps.ts';
import type { Get, Network } from './logit-network.ts';
import type { Maps, Normalized } from './maps.ts';
import { computeStages, type Operations, planNetwork } from './network-plan.ts';
import { BATCH_NORM_EPSILON, type Statistics, seededUniform, silu } from './operations.ts';
import { ARCHITECTURES, type ConvolutionalPreset, POOLED_RANGE, POWER_RANGE } from './presets.ts';

/** The share of a moving statistic that an update keeps. */
const MOMENTUM = 0.9;

/** `fourier` is for CPUs in float32, `direct` for CPUs in bfloat16, `blocks` for GPUs. */
export type ConvolutionKind = 'direct' | 'fourier' | 'blocks';

function createMaps(tf: TF, kind: ConvolutionKind): Maps {
  if (kind === 'blocks') return createJointMaps(tf);
  return createDetectorMaps(
    tf,
    kind === 'fourier' ? createFourierConvolution(tf) : createDirectConvolution(tf),
  );
}

/** The layers that work differently in training and in prediction. */
interface Mode {
  /** Batch norm `name` of h + bias, over all axes but the last. */
  normalize(h: Tensor2D, name: string, bias: Tensor1D): Tensor2D;
  /** The same for a map. */
  normalizeMap(map: Tensor, name: string, bias: Tensor1D): Tensor;
  /** The same for a convolution's output, then SiLU and max-pool: a map. */
  pool(convolved: unknown, name: string, bias: Tensor1D): Tensor;
  drop(h: Tensor2D, layer: number): Tensor2D;
}

/**
 * Division by the recipe's tapers if the preset is timed, its stages, a generalized mean over time (GeM: Radenovic et al., 2018),
 * dense layers, one logit. DIYModel has 676,258 trainable parameters.
 */
export function createConvolutionalNetwork(
  tf: TF,
  get: Get,
  preset: ConvolutionalPreset,
  { dropout, convolution = 'direct' }: { dropout: number; convolution?: ConvolutionKind },
): Network {
  const layout = createMaps(tf, convolution);
  const { timed, dense } = ARCHITECTURES[preset];
  const plan = planNetwork(ARCHITECTURES[preset]);
  /** Of the generalized mean; their mean is 1. */
  function timeWeights(): Tensor1D {
    const logits = get<Tensor1D>('gem_time');
    return logits.softmax().mul(logits.size);
  }

  const gains = () => tf.tensor3d(inverseTaper(), [1, 1, SAMPLE_LENGTH]);
  const power = (name: string) => get<Tensor1D>(name).clipByValue(...POWER_RANGE) as Tensor1D;

  const operations = (mode: Mode): Operations<Tensor> => ({
    arrange: layout.arrange,
    convolve: (map, { number, norm, silu: activates, pooling }) => {
      const [kernel, bias] = [get<Tensor3D>(`conv${number}_W`), get<Tensor1D>(`conv${number}_b`)];
      if (pooling?.kind === 'max')
        return mode.pool(layout.convolve(map, kernel, pooling.points), `bn${number}`, bias);
      const convolved = layout.toMap(layout.convolve(map, kernel, 1));
      const normal = norm ? mode.normalizeMap(convolved, `bn${number}`, bias) : convolved.add(bias);
      const active = activates ? silu(tf, normal) : normal;
      return pooling === undefined
        ? active
        : layout.poolPowers(active, power(`conv${number}_p`), pooling.points);
    },
    join: (maps, how) =>
      how === 'concat'
        ? tf.concat([...maps], maps[0]!.rank - 1)
        : silu(
            tf,
            maps.reduce((sum, map) => sum.add(map)),
          ),
  });

  function forward(given: Tensor3D, mode: Mode): Tensor1D {
    const signals = timed ? given.mul<Tensor3D>(gains()) : given;
    const maps = computeStages(plan, operations(mode), layout.split(signals));
    const p = power('gem_p');
    const weights = timed ? timeWeights() : undefined;
    let h = tf.concat(
      maps.map((map) => layout.average(map.clipByValue(...POOLED_RANGE), p, weights)),
      1,
    );
    for (const [layer, { name }] of dense.entries()) {
      const products = tf.matMul<Tensor2D>(h, get(`${name}_W`));
      const normalized = mode.normalize(products, `${name}_bn`, get(`${name}_b`));
      h = mode.drop(normalized.mul(normalized.sigmoid()), layer);
    }
    return tf.matMul(h, get('out_W')).add(get('out_b')).reshape([-1]);
  }

  const evaluation: Mode = {
    normalize: (h, name, bias) => normalize(h, name, movingStatistics(name, bias)),
    normalizeMap: (map, name, bias) => {
      const { gamma, beta } = affine(name);
      return layout.normalizeBy(map, movingStatistics(name, bias), gamma, beta);
    },
    pool: (convolved, name, bias) => {
      const { gamma, beta } = affine(name);
      return layout.poolBy(convolved, movingStatistics(name, bias), gamma, beta);
    },
    drop: (h) => h,
  };

  function training(seed: Tensor1D): Mode {
    const moveBoth = (name: string, bias: Tensor1D, mean: Tensor, variance: Tensor): void => {
      move(`${name}_mean`, mean.add(bias));
      move(`${name}_var`, variance);
    };
    const outputOf = ({ output, mean, variance }: Normalized, name: string, bias: Tensor1D): Tensor => {
      moveBoth(name, bias, mean, variance);
      return output;
    };
    return {
      // A bias before a batch norm has no effect on the output: it shifts the mean, and its gradient is 0.
      normalize: (h, name, bias) => {
        const { mean, variance } = tf.moments(h, 0) as Statistics;
        moveBoth(name, bias, mean, variance);
        return normalize(h, name, { mean, variance });
      },
      normalizeMap: (map, name, bias) => {
        const { gamma, beta } = affine(name);
        return outputOf(layout.normalizeBatch(map, gamma, beta), name, bias);
      },
      pool: (convolved, name, bias) => {
        const { gamma, beta } = affine(name);
        return outputOf(layout.poolBatch(convolved, gamma, beta), name, bias);
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

  function normalize(h: Tensor2D, name: string, { mean, variance }: Statistics): Tensor2D {
    const { gamma, beta } = affine(name);
    return h.sub(mean).mul(gamma).div(variance.add(BATCH_NORM_EPSILON).sqrt()).add(beta);
  }

  function affine(name: string): { gamma: Tensor1D; beta: Tensor1D } {
    return { gamma: get(`${name}_gamma`), beta: get(`${name}_beta`) };
  }

  /** The moving statistics of h, from the stored ones of h + bias. This saves a pass over h for the bias. */
  function movingStatistics(name: string, bias: Tensor1D): Statistics {
    return { mean: get<Tensor1D>(`${name}_mean`).sub(bias), variance: get(`${name}_var`) };
  }

  /** Updates a moving statistic by a batch's [C], or by those of several detectors [detectors, C], one after another. */
  function move(name: string, batch: Tensor): void {
    const moving = get<Variable>(name);
    for (const row of batch.rank === 1 ? [batch] : tf.unstack(batch))
      moving.assign(moving.mul(MOMENTUM).add(row.mul(1 - MOMENTUM)));
  }

  return {
    logits: (signals) => forward(signals, evaluation),
    logitsForTraining: (signals, seed) => forward(signals, training(seed)),
  };
}
