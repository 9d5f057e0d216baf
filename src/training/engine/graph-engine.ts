import type { Scalar, Tensor, Tensor1D, Tensor3D } from '@tensorflow/tfjs-node-gpu';
import { MachineError } from '../../core/errors.ts';
import type { Weights } from '../../model/weights.ts';
import { encodeFloats, type Input } from '../../tensorflow/graph/encoded.ts';
import { type Program, recordProgram } from '../../tensorflow/graph/graph-program.ts';
import type { Group } from '../../tensorflow/graph/variables.ts';
import type { TF } from '../../tensorflow/install/load.ts';
import { compileCache } from '../../tensorflow/install/xla.ts';
import type { Batch } from '../input/batch.ts';
import { updateFactors } from './adamw.ts';
import { augment } from './augment.ts';
import { isOutOfMemory } from './batch-memory.ts';
import type { Engine, EngineOptions, EngineSettings } from './engine.ts';
import { assignFlat, flatten } from './flat.ts';
import { createLearner } from './learner.ts';
import { updateScale } from './loss-scale.ts';
import { addToTally, createTally } from './loss-tally.ts';
import type { Samples } from './recombine.ts';
import { sharingDevices } from './sharing.ts';
import { differentiate } from './step.ts';

/** Holds the values of the groups of variables as vectors: tfjs, or a program. */
type Holder = Pick<Program, 'read' | 'write'>;

/** Number of groups that prediction needs: the weights and the moving statistics. */
const MODEL_GROUPS = 2;

/**
 * Runs the steps as recorded programs: one for training and one for prediction per batch size. A fit has two batch sizes,
 * since the last batch of a pass is shorter.
 *
 * Each program has its own variables. It gets the newest values before it runs, and the learner gets them before they are
 * read. TensorFlow passes references, so between programs nothing is copied on a CPU.
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
  const { model, optimizer, trainable, lossScale } = learner;
  const tally = createTally(tf);
  const groups = [...learner.groups, [tally]];
  const [, statistics] = groups as [Group, Group];
  const home: Holder = {
    read: (wanted) => wanted.map((group) => flatten(tf, groups[group]!)),
    write: (vectors) => {
      for (const [i, vector] of vectors.entries()) assignFlat(tf, groups[i]!, vector);
    },
  };
  /** By what they do, as messages say it, and by the size and type of the batch. */
  const programs = {
    'training on': new Map<string, Program>(),
    'statistics of': new Map<string, Program>(),
    'prediction of': new Map<string, Program>(),
  };
  /** Holds the newest values of all variables. */
  let newest = home;
  /** Holders whose variables all have the newest values. */
  let current = new Set<Holder>([home]);

  /** Writes the newest values to `holder`, which has the first `count` groups. */
  function update(holder: Holder, count: number): void {
    if (current.has(holder)) return;
    tf.tidy(() => holder.write(newest.read(groups.slice(0, count).map((_, i) => i))));
    current.add(holder);
  }

  /** Marks `holder` as the only one with the newest values. */
  function own(holder: Holder): void {
    newest = holder;
    current = new Set([holder]);
  }

  function updateHome(): void {
    update(home, groups.length);
  }

  /** Programs that have run, and are compiled. */
  const compiled = new Set<Program>();
  let { compile = false } = options;
  const { devices = [] } = options;
  /** Whether the tally belongs to losses that were taken. */
  let taken = true;

  /** Runs the batch's program, which is recorded on the first batch of its size and type. Its variables are the first groups, `state`. */
  function run(
    purpose: keyof typeof programs,
    batch: Batch,
    state: readonly Group[],
    inputs: readonly Input[],
    work: Parameters<typeof recordProgram>[3],
  ): { program: Program; outputs: Tensor[] } {
    const { size, signals } = batch;
    const ofPurpose = programs[purpose];
    const kind = `${size} ${signals.type}`;
    const used = sharingDevices(devices, size);
    const program =
      ofPurpose.get(kind) ?? recordProgram(tf, state, inputs, work, { low, compile, devices: used });
    ofPurpose.set(kind, program);
    update(program, state.length);
    if (!compile || compiled.has(program)) return { program, outputs: program.run(inputs) };
    options.onCompile?.(`${purpose} ${size} samples`);
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
    ofPurpose.delete(kind);
    current.delete(program);
    program.dispose();
    return run(purpose, batch, state, inputs, work);
  }

  /** The augmented samples of a device's share of the inputs that inputsOf gives. */
  function makeSamples(shares: readonly Tensor[], seed: Tensor1D): Samples {
    const [signals, labels, injected] = shares as [Tensor3D, Tensor1D, Tensor3D?];
    return augment(tf, { signals, labels, injected }, seed, settings);
  }

  return {
    train: (batch, learningRate, seed) =>
      tf.tidy(() => {
        const { kept, rate, share } = updateFactors(
          learningRate,
          learner.updates + 1,
          settings.average_weights,
        );
        const factors = encodeFloats(tf, Float32Array.of(kept, rate, share, taken ? 0 : 1), [4]);
        const inputs = [tf.tensor1d([...seed], 'int32'), factors, ...inputsOf(batch)];
        const { program, outputs } = run('training on', batch, groups, inputs, (given, spread) => {
          const [seeds, factors, ...samples] = given as [Tensor1D, Tensor1D, ...Tensor[]];
          const parts = spread(samples, (shares, device) => {
            const seed = seedOfDevice(tf, seeds, device);
            const samples = makeSamples(shares, seed);
            const scale = lossScale && (lossScale.slice([0], [1]).reshape([]) as Scalar);
            const { loss, gradient, finite } = differentiate(tf, model, trainable, samples, seed, scale);
            const weight = shareOf(shares, batch);
            return [finite, ...[loss, gradient, flatten(tf, statistics)].map((x) => x.mul(weight))];
          });
          const [finite, loss, gradient, moved] = combine(parts);
          const [kept, rate, share, carry] = tf.unstack(factors) as [Scalar, Scalar, Scalar, Scalar];
          optimizer.update(gradient, { kept, rate, share });
          assignFlat(tf, statistics, moved);
          const isSound = lossScale === undefined ? finite : updateScale(tf, lossScale, loss, finite);
          addToTally(tf, tally, loss.mul(batch.size), isSound, carry);
          return {
            outputs: lossScale === undefined ? [] : [finite],
            commit: finite,
            uncommitted: groups.slice(groups.length - (lossScale === undefined ? 1 : 2)),
          };
        });
        own(program);
        taken = false;
        // In float16 a step may be skipped, and the next one needs the number of updates.
        if (outputs.every((finite) => finite.dataSync()[0])) learner.updates++;
      }),
    takeLoss: () =>
      tf.tidy(() => {
        if (taken) return 0;
        const [values] = newest.read([groups.length - 1]) as [Tensor];
        const [sum, bad] = values.dataSync();
        taken = true;
        if (lossScale === undefined) learner.updates -= bad!;
        return bad === 0 ? sum! : Number.NaN;
      }),
    logits: (batch) =>
      tf.tidy(() => {
        const { outputs } = run(
          'prediction of',
          batch,
          groups.slice(0, MODEL_GROUPS),
          [batch.signals],
          ([signals], spread) => {
            const parts = spread([signals!], ([share]) => [model.logits(share as Tensor3D)]);
            return { outputs: [flatten(tf, parts.flat())] };
          },
        );
        return Float32Array.from(outputs[0]!.dataSync() as Float32Array);
      }),
    useAverage: () => {
      updateHome();
      learner.useAverage();
      own(home);
    },
    adjustStatistics: (batch, seed) =>
      tf.tidy(() => {
        updateHome();
        const inputs = [tf.tensor1d([...seed], 'int32'), ...inputsOf(batch)];
        const state = groups.slice(0, MODEL_GROUPS);
        const { program } = run('statistics of', batch, state, inputs, (given, spread) => {
          const [seeds, ...samples] = given as [Tensor1D, ...Tensor[]];
          const parts = spread(samples, (shares, device) => {
            const seed = seedOfDevice(tf, seeds, device);
            model.probabilitiesForTraining(makeSamples(shares, seed).signals, seed);
            return [flatten(tf, statistics).mul(shareOf(shares, batch))];
          });
          assignFlat(
            tf,
            statistics,
            parts.flat().reduce((sum, part) => sum.add(part)),
          );
          return { outputs: [] };
        });
        home.write(program.read(state.map((_, i) => i)));
        own(home);
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
      for (const ofPurpose of Object.values(programs))
        for (const program of ofPurpose.values()) program.dispose();
      tally.dispose();
      learner.dispose();
    },
  };
}

/** What a step needs of a batch. */
function inputsOf({ signals, labels, injected }: Batch): Input[] {
  return [signals, labels, ...(injected === undefined ? [] : [injected])];
}

/** The part of the batch that a device's share is. */
function shareOf([signals]: readonly Tensor[], { size }: Batch): number {
  return signals!.shape[0]! / size;
}

/** Devices draw different numbers from one seed, int32 [2]. Its second number is the number of the step. */
function seedOfDevice(tf: TF, seeds: Tensor1D, device: number): Tensor1D {
  return device === 0 ? seeds : seeds.add(tf.tensor1d([0, device << 26], 'int32'));
}

/** Whether all devices found finite numbers, and the sums of what they found: loss, gradient, moving statistics. */
function combine(parts: readonly Tensor[][]): [Scalar, Scalar, Tensor1D, Tensor1D] {
  return parts.reduce((all, part) =>
    all.map((x, i) => (i === 0 ? x.logicalAnd(part[i]!) : x.add(part[i]!))),
  ) as [Scalar, Scalar, Tensor1D, Tensor1D];
}

function explainCompileError({ message }: Error): string {
  const [reason] = message.split('\n');
  const cache = compileCache(process.env);
  const files = cache === undefined ? '' : `delete the compiled graphs in ${cache} and try again, or `;
  return `a step that XLA compiles failed (${reason}); ${files}use --compile off`;
}
