import type { Tensor, Variable } from '@tensorflow/tfjs-node-gpu';
import type { Weights } from '../../model/weights.ts';
import { type Program, recordProgram } from '../../tensorflow/graph/graph-program.ts';
import type { TF } from '../../tensorflow/install/load.ts';
import type { Batch } from '../input/batch.ts';
import { updateFactors } from './adamw.ts';
import { augment } from './augment.ts';
import type { Engine, EngineSettings } from './engine.ts';
import { createLearner } from './learner.ts';
import { differentiate } from './step.ts';

/** A place where variables are: tfjs, or a program. */
type Holder = Pick<Program, 'read' | 'write'>;

/**
 * The steps as recorded programs: one for training and one for prediction on each batch size that comes, which are two
 * in a fit, the last batch of a pass being shorter.
 *
 * Each program has variables of its own. When another one's turn comes it gets the newest values, and so does the
 * learner when they are asked for: TensorFlow hands over references, so on a CPU nothing is copied.
 */
export function createGraphEngine(tf: TF, initial: Weights, settings: EngineSettings): Engine {
  const learner = createLearner(tf, initial, settings);
  const { model, optimizer, variables } = learner;
  const home: Holder = {
    read: () => variables.map((variable) => variable.clone()),
    write: (values) => {
      for (const [i, variable] of variables.entries()) variable.assign(values[i]!);
    },
  };
  const training = new Map<number, Program>();
  const prediction = new Map<number, Program>();
  /** Holds the newest values of all variables. */
  let newest = home;
  /** Have the newest values of those variables that they have. */
  let current = new Set<Holder>([home]);

  /** Gives `holder`, which has the first `count` variables, the newest values. */
  function update(holder: Holder, count: number): void {
    if (current.has(holder)) return;
    tf.tidy(() => holder.write(newest.read().slice(0, count)));
    current.add(holder);
  }

  /** From now on the newest values are the holder's. */
  function own(holder: Holder): void {
    newest = holder;
    current = new Set([holder]);
  }

  function comeHome(): void {
    update(home, variables.length);
  }

  function recordOnce(
    programs: Map<number, Program>,
    { size }: Batch,
    state: readonly Variable[],
    inputs: readonly Tensor[],
    work: Parameters<typeof recordProgram>[3],
  ): Program {
    const program = programs.get(size) ?? recordProgram(tf, state, inputs, work, settings.precision);
    programs.set(size, program);
    return program;
  }

  return {
    train: (batch, learningRate, seed) =>
      tf.tidy(() => {
        const { signals, labels } = batch;
        const seeds = tf.tensor1d([...seed], 'int32');
        const { kept, rate } = updateFactors(learningRate, learner.updates + 1);
        const factors = { kept: tf.scalar(kept), rate: tf.scalar(rate) };
        const inputs = [signals, labels, seeds, factors.kept, factors.rate];
        const program = recordOnce(training, batch, variables, inputs, () => {
          const { loss, gradients, finite } = differentiate(
            tf,
            model,
            augment(tf, { signals, labels }, seeds, settings),
            seeds,
          );
          optimizer.update(gradients, factors);
          return { outputs: [loss, finite], commit: finite };
        });
        update(program, variables.length);
        const [loss, finite] = program.run(inputs) as [Tensor, Tensor];
        own(program);
        if (!finite.dataSync()[0]) return Number.NaN;
        learner.updates++;
        return loss.dataSync()[0]!;
      }),
    predict: (batch) =>
      tf.tidy(() => {
        const { signals } = batch;
        const weights = [...model.variables.values()];
        const program = recordOnce(prediction, batch, weights, [signals], () => ({
          outputs: [model.predict(signals)],
        }));
        update(program, weights.length);
        const [probabilities] = program.run([signals]) as [Tensor];
        return Float32Array.from(probabilities.dataSync() as Float32Array);
      }),
    getWeights: () => {
      comeHome();
      return model.getWeights();
    },
    setWeights: (weights) => {
      comeHome();
      model.setWeights(weights);
      own(home);
    },
    getOptimizer: () => {
      comeHome();
      return learner.getOptimizer();
    },
    setOptimizer: (state) => {
      comeHome();
      learner.setOptimizer(state);
      own(home);
    },
    dispose: () => {
      for (const program of [...training.values(), ...prediction.values()]) program.dispose();
      learner.dispose();
    },
  };
}
