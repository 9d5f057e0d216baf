import type { Variable } from '@tensorflow/tfjs-node-gpu';
import { createModel, type Model } from '../../model/model.ts';
import type { Weights } from '../../model/weights.ts';
import type { Group } from '../../tensorflow/graph/variables.ts';
import { describeTensorFlow, type TF } from '../../tensorflow/install/load.ts';
import { type AdamW, createAdamW } from './adamw.ts';
import type { EngineOptions, EngineSettings, OptimizerState } from './engine.ts';
import { assignFlat, flatten } from './flat.ts';
import { FIRST_SCALE, scaleVariable } from './loss-scale.ts';

/** The state that training changes, as tfjs variables. */
export interface Learner {
  readonly model: Model;
  readonly optimizer: AdamW;
  /** Scale of the loss and number of steps, in float16 (loss-scale.ts). */
  readonly lossScale: Variable | undefined;
  /** The model's trainable variables. */
  readonly trainable: Group;
  /** All variables in groups: the trainable ones, the moving statistics, and what prediction doesn't need. */
  readonly groups: readonly Group[];
  /** Updates made so far. */
  updates: number;
  getOptimizer(): OptimizerState;
  setOptimizer(state: OptimizerState): void;
  /** Sets the weights to their moving average, if there is one. */
  useAverage(): void;
  dispose(): void;
}

export function createLearner(
  tf: TF,
  initial: Weights,
  settings: EngineSettings,
  { convolution, low }: EngineOptions = {},
): Learner {
  const { preset, dropout_rate, precision, average_weights } = settings;
  // In float32 a CPU is three times as fast with convolutions as matrix products (model/fourier.ts), and its bfloat16 units
  // have fast convolutions.
  const onCpu = precision === 'float32' ? 'fourier' : 'direct';
  const model = createModel(tf, initial, {
    preset,
    dropout: dropout_rate,
    convolution: convolution ?? (describeTensorFlow(tf).device === 'cpu' ? onCpu : 'blocks'),
  });
  const variables = [...model.variables.values()];
  const trainable = variables.filter((variable) => variable.trainable);
  const optimizer = createAdamW(tf, trainable, average_weights > 0);
  const isScaled = precision === 'mixed' && low === 'float16';
  const lossScale = isScaled ? scaleVariable(tf, FIRST_SCALE) : undefined;
  const scales = lossScale === undefined ? [] : [[lossScale]];
  const { average } = optimizer;
  const statistics = variables.filter((variable) => !variable.trainable);
  return {
    model,
    optimizer,
    lossScale,
    trainable,
    groups: [
      trainable,
      statistics,
      ...[...optimizer.moments, ...(average === undefined ? [] : [average])].map((vector) => [vector]),
      ...scales,
    ],
    updates: 0,
    getOptimizer() {
      const [first, second] = optimizer.moments.map((moment) => moment.dataSync() as Float32Array);
      let start = 0;
      const moments = trainable.flatMap(({ size }) => {
        const end = start + size;
        const both = [first!.slice(start, end), second!.slice(start, end)];
        start = end;
        return both;
      });
      const state = {
        updates: this.updates,
        moments,
        ...(average && { average: Float32Array.from(average.dataSync()) }),
      };
      if (lossScale === undefined) return state;
      const [scale, steps] = lossScale.dataSync();
      return { ...state, lossScale: { scale: scale!, steps: steps! } };
    },
    setOptimizer({ updates, moments, average: given, lossScale: wanted = FIRST_SCALE }) {
      tf.tidy(() => {
        if (given !== undefined) average?.assign(tf.tensor1d(Float32Array.from(given)));
        lossScale?.assign(tf.tensor1d([wanted.scale, wanted.steps]));
        for (const [i, moment] of optimizer.moments.entries()) {
          const own = moments.filter((_, index) => index % 2 === i);
          moment.assign(
            flatten(
              tf,
              own.map((array) => tf.tensor1d(Float32Array.from(array))),
            ),
          );
        }
      });
      this.updates = updates;
    },
    useAverage() {
      if (average !== undefined) tf.tidy(() => assignFlat(tf, trainable, average));
    },
    dispose: () => {
      tf.dispose(scales);
      optimizer.dispose();
      model.dispose();
    },
  };
}
