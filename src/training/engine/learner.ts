import type { Variable } from '@tensorflow/tfjs-node-gpu';
import { type ConvolutionKind, createModel, type Model } from '../../model/model.ts';
import type { Weights } from '../../model/weights.ts';
import { describeTensorFlow, type TF } from '../../tensorflow/install/load.ts';
import { type AdamW, createAdamW } from './adamw.ts';
import type { EngineSettings, OptimizerState } from './engine.ts';

/** The state that training changes, as tfjs variables. */
export interface Learner {
  readonly model: Model;
  readonly optimizer: AdamW;
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
  convolution?: ConvolutionKind,
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
  return {
    model,
    optimizer,
    variables: [...model.variables.values(), ...optimizer.moments],
    updates: 0,
    getOptimizer() {
      const moments = optimizer.moments.map((moment) => Float32Array.from(moment.dataSync()));
      return { updates: this.updates, moments };
    },
    setOptimizer({ updates, moments }) {
      tf.tidy(() => {
        for (const [i, moment] of optimizer.moments.entries())
          moment.assign(tf.tensor(Float32Array.from(moments[i]!), moment.shape));
      });
      this.updates = updates;
    },
    dispose: () => {
      optimizer.dispose();
      model.dispose();
    },
  };
}
