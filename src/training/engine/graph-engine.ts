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
import { isOutOfMemory } from './batch-memory.ts';
import type { Engine, EngineOptions, EngineSettings } from './engine.ts';
import { createLearner } from './learner.ts';
import { isDiverged, updateScale } from './loss-scale.ts';
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

  /** Programs that have run, and are compiled. */
  const compiled = new Set<Program>();
  let compile = options.compile ?? false;

  /** Runs the batch's program, which is recorded on the first batch of its size. Its first variables are `state`. */
  function run(
    programs: Map<number, Program>,
    batch: Batch,
    state: readonly Variable[],
    inputs: readonly Input[],
    work: Parameters<typeof recordProgram>[3],
  ): { program: Program; outputs: Tensor[] } {
    const { size } = batch;
    const program = programs.get(size) ?? recordProgram(tf, state, inputs, work, { low, compile });
    programs.set(size, program);
    update(program, state.length);
    if (!compile || compiled.has(program)) return { program, outputs: program.run(inputs) };
    options.onCompile?.(`${programs === training ? 'training on' : 'prediction of'} ${size} samples`);
    try {
      const outputs = program.run(inputs);
      compiled.add(program);
      return { program, outputs };
    } catch (error) {
      if (!(error instanceof Error) || error instanceof RangeError || isOutOfMemory(error)) throw error;
      const reason = explainCompileError(error);
      if (options.onUncompiled === undefined) throw new MachineError(reason, { cause: error });
      options.onUncompiled(reason);
    }
    compile = false;
    programs.delete(size);
    current.delete(program);
    program.dispose();
    return run(programs, batch, state, inputs, work);
  }

  return {
    train: (batch, learningRate, seed) =>
      tf.tidy(() => {
        const seeds = tf.tensor1d([...seed], 'int32');
        const { kept, rate } = updateFactors(learningRate, learner.updates + 1);
        const factors = encodeFloats(tf, Float32Array.of(kept, rate), [2]);
        const inputs = [batch.signals, batch.labels, seeds, factors];
        const { program, outputs } = run(
          training,
          batch,
          variables,
          inputs,
          (signals, labels, seeds, factors) => {
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
          },
        );
        const [loss, finite, scale] = outputs as [Tensor, Tensor, Tensor | undefined];
        own(program);
        if (!finite.dataSync()[0]) {
          const isSkipped = scale !== undefined && !isDiverged(scale.dataSync()[0]!);
          return isSkipped ? loss.dataSync()[0]! : Number.NaN;
        }
        learner.updates++;
        return loss.dataSync()[0]!;
      }),
    predict: (batch) =>
      tf.tidy(() => {
        const inputs = [batch.signals];
        const weights = [...model.variables.values()];
        const { outputs } = run(prediction, batch, weights, inputs, (signals) => ({
          outputs: [model.predict(signals as Tensor3D)],
        }));
        const [probabilities] = outputs as [Tensor];
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

function explainCompileError({ message }: Error): string {
  const [reason] = message.split('\n');
  const cache = compileCache(process.env);
  const files = cache === undefined ? '' : `delete the compiled graphs in ${cache} and try again, or `;
  return `a step that XLA compiles failed (${reason}); ${files}use --compile off`;
}
