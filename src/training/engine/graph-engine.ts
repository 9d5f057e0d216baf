import type { Scalar, Tensor, Tensor1D, Tensor3D, Variable } from '@tensorflow/tfjs-node-gpu';
import { MachineError } from '../../core/errors.ts';
import type { Weights } from '../../model/weights.ts';
import { encodeFloats } from '../../tensorflow/graph/encoded.ts';
import { type Input, type Program, recordProgram } from '../../tensorflow/graph/graph-program.ts';
import type { TF } from '../../tensorflow/install/load.ts';
import { compileCache } from '../../tensorflow/install/xla.ts';
import type { Batch } from '../input/batch.ts';
import { updateFactors } from './adamw.ts';
import { augment } from './augment.ts';
import type { Engine, EngineOptions, EngineSettings } from './engine.ts';
import { createLearner } from './learner.ts';
import { LEAST_SCALE, updateScale } from './loss-scale.ts';
import { differentiate } from './step.ts';

/** Holds a set of variables: tfjs, or a program. */
type Holder = Pick<Program, 'read' | 'write'>;

/**
 * Runs the steps as recorded programs: one for training and one for prediction per batch size. A fit has two batch sizes,
 * since the last batch of a pass is shorter.
 *
 * Each program has its own variables. It gets the newest values before it runs, and the learner gets them before they are
 * read. TensorFlow passes references, so nothing is copied on a CPU.
 *
 * TensorFlow optimizes a graph before it runs it, which may change the rounding. test/training/engine.test.ts bounds the
 * difference from the eager engine.
 */
export function createGraphEngine(
  tf: TF,
  initial: Weights,
  settings: EngineSettings,
  options: EngineOptions,
): Engine {
  const { compile = false, onCompile } = options;
  const low = settings.precision === 'mixed' ? (options.low ?? 'bfloat16') : undefined;
  const learner = createLearner(tf, initial, settings, options);
  const { model, optimizer, variables, lossScale } = learner;
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
  /** Holders whose variables all have the newest values. */
  let current = new Set<Holder>([home]);

  /** Writes the newest values to `holder`, which has the first `count` variables. */
  function update(holder: Holder, count: number): void {
    if (current.has(holder)) return;
    tf.tidy(() => holder.write(newest.read().slice(0, count)));
    current.add(holder);
  }

  /** Marks `holder` as the only one with the newest values. */
  function own(holder: Holder): void {
    newest = holder;
    current = new Set([holder]);
  }

  function updateHome(): void {
    update(home, variables.length);
  }

  function recordOnce(
    programs: Map<number, Program>,
    { size }: Batch,
    state: readonly Variable[],
    inputs: readonly Input[],
    work: Parameters<typeof recordProgram>[3],
  ): Program {
    const program = programs.get(size) ?? recordProgram(tf, state, inputs, work, { low, compile });
    programs.set(size, program);
    return program;
  }

  /** Programs that have run, and are compiled. */
  const compiled = new Set<Program>();

  function run(program: Program, inputs: readonly Input[], step: string): Tensor[] {
    if (!compile || compiled.has(program)) return program.run(inputs);
    onCompile?.(step);
    try {
      const outputs = program.run(inputs);
      compiled.add(program);
      return outputs;
    } catch (error) {
      throw explainCompileError(error);
    }
  }

  return {
    train: (batch, learningRate, seed) =>
      tf.tidy(() => {
        const seeds = tf.tensor1d([...seed], 'int32');
        const { kept, rate } = updateFactors(learningRate, learner.updates + 1);
        const factors = encodeFloats(tf, Float32Array.of(kept, rate), [2]);
        const inputs = [batch.signals, batch.labels, seeds, factors];
        const program = recordOnce(training, batch, variables, inputs, (signals, labels, seeds, factors) => {
          const { loss, gradients, finite } = differentiate(
            tf,
            model,
            augment(
              tf,
              { signals: signals as Tensor3D, labels: labels as Tensor1D },
              seeds as Tensor1D,
              settings,
            ),
            seeds as Tensor1D,
            lossScale && (lossScale.slice([0], [1]).reshape([]) as Scalar),
          );
          const [kept, rate] = tf.unstack(factors!) as [Scalar, Scalar];
          optimizer.update(gradients, { kept, rate });
          if (lossScale === undefined) return { outputs: [loss, finite], commit: finite };
          updateScale(tf, lossScale, finite);
          const scale = lossScale.slice([0], [1]);
          return { outputs: [loss, finite, scale], commit: finite, uncommitted: [lossScale] };
        });
        update(program, variables.length);
        const [loss, finite, scale] = run(program, inputs, `training on ${batch.size} samples`) as [
          Tensor,
          Tensor,
          Tensor | undefined,
        ];
        own(program);
        if (!finite.dataSync()[0]) {
          const isSkipped = scale !== undefined && scale.dataSync()[0]! >= LEAST_SCALE;
          return isSkipped ? loss.dataSync()[0]! : Number.NaN;
        }
        learner.updates++;
        return loss.dataSync()[0]!;
      }),
    predict: (batch) =>
      tf.tidy(() => {
        const inputs = [batch.signals];
        const weights = [...model.variables.values()];
        const program = recordOnce(prediction, batch, weights, inputs, (signals) => ({
          outputs: [model.predict(signals as Tensor3D)],
        }));
        update(program, weights.length);
        const [probabilities] = run(program, inputs, `prediction of ${batch.size} samples`) as [Tensor];
        return Float32Array.from(probabilities.dataSync() as Float32Array);
      }),
    getWeights: () => {
      updateHome();
      return model.getWeights();
    },
    setWeights: (weights) => {
      updateHome();
      model.setWeights(weights);
      own(home);
    },
    getOptimizer: () => {
      updateHome();
      return learner.getOptimizer();
    },
    setOptimizer: (state) => {
      updateHome();
      learner.setOptimizer(state);
      own(home);
    },
    dispose: () => {
      for (const program of [...training.values(), ...prediction.values()]) program.dispose();
      learner.dispose();
    },
  };
}

function explainCompileError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const [reason] = error.message.split('\n');
  return new MachineError(
    `a step that XLA compiles failed (${reason}). Delete the compiled graphs in ${compileCache(process.env)}, or use --compile off`,
    { cause: error },
  );
}
