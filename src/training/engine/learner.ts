import type { Variable } from '@tensorflow/tfjs-node-gpu';
import { createModel, type Model } from '../../model/model.ts';
import type { Weights } from '../../model/weights.ts';
import { describeTensorFlow, type TF } from '../../tensorflow/install/load.ts';
import { type AdamW, createAdamW } from './adamw.ts';
import type { EngineOptions, EngineSettings, OptimizerState } from './engine.ts';
import { FIRST_SCALE, scaleVariable } from './loss-scale.ts';

/** The state that training changes, as tfjs variables. */
export interface Learner {
  readonly model: Model;
  readonly optimizer: AdamW;
  /** Scale of the loss and number of steps, in float16 (loss-scale.ts). */
  readonly lossScale: Variable | undefined;
  /** All variables, the model's first. */
  readonly variables: readonly Variable[];
  /** Updates made so far. */
  updates: number;
  getOptimizer(): OptimizerState;
  setOptimizer(state: OptimizerState): void;
  dispose(): void;
}

export function createLearner(
  tf: TF,
  initial: Weights,
  settings: EngineSettings,
  { convolution, low }: EngineOptions = {},
): Learner {
  const { preset, dropout_rate, precision } = settings;
  // In float32 a CPU is three times as fast with convolutions as matrix products (model/fourier.ts), and its bfloat16 units
  // have fast convolutions.
  const onCpu = precision === 'float32' ? 'fourier' : 'direct';
  const model = createModel(tf, initial, {
    preset,
    dropout: dropout_rate,
    convolution: convolution ?? (describeTensorFlow(tf).device === 'cpu' ? onCpu : 'blocks'),
  });
  const optimizer = createAdamW(tf, model.variables.values());
  const isScaled = precision === 'mixed' && low === 'float16';
  const lossScale = isScaled ? scaleVariable(tf, FIRST_SCALE) : undefined;
  const scales = lossScale === undefined ? [] : [lossScale];
  return {
    model,
    optimizer,
    lossScale,
    variables: [...model.variables.values(), ...optimizer.moments, ...scales],
    updates: 0,
    getOptimizer() {
      const moments = optimizer.moments.map((moment) => Float32Array.from(moment.dataSync()));
      const state = { updates: this.updates, moments };
      if (lossScale === undefined) return state;
      const [scale, steps] = lossScale.dataSync();
      return { ...state, lossScale: { scale: scale!, steps: steps! } };
    },
    setOptimizer({ updates, moments, lossScale: given = FIRST_SCALE }) {
      tf.tidy(() => {
        lossScale?.assign(tf.tensor1d([given.scale, given.steps]));
        for (const [i, moment] of optimizer.moments.entries())
          moment.assign(tf.tensor(Float32Array.from(moments[i]!), moment.shape));
      });
      this.updates = updates;
    },
    dispose: () => {
      tf.dispose(scales);
      optimizer.dispose();
      model.dispose();
    },
  };
}
