import type { Scalar, Tensor } from '@tensorflow/tfjs-node-gpu';
import type { TF } from './bind.ts';
import { leaveCluster, markClusters } from './cluster.ts';
import { type Input, isEncoded, tensorOf } from './encoded.ts';
import { createGraph, DATA_TYPES, type DataTypeName, type Graph } from './graph.ts';
import type { LowType } from './precision.ts';
import { openSession } from './session.ts';
import { createSpread, knowInputs, type Spread } from './spread.ts';
import { createTrace } from './trace.ts';
import {
  addAssignment,
  addPlaceholder,
  addVariable,
  asVector,
  type Group,
  joinGroup,
  type Placeholder,
  splitGroup,
} from './variables.ts';

/** Result of recorded work. */
export interface Result {
  outputs: readonly Tensor[];
  /** Bool: if given and false, the variables keep their values, but for the `uncommitted` groups. */
  commit?: Scalar;
  uncommitted?: readonly Group[];
}

/** Work that was recorded once. TensorFlow runs it as one graph with its own variables. */
export interface Program {
  /** Runs the work on inputs of the recorded order, shape and type. Returns the outputs and updates the variables. */
  run(inputs: readonly Input[]): Tensor[];
  /** The vectors of the groups with these numbers. */
  read(groups: readonly number[]): Tensor[];
  /** Sets the vectors of all groups; needed before the first run. */
  write(vectors: readonly Tensor[]): void;
  dispose(): void;
}

export interface ProgramOptions {
  /** Mixed precision: the program computes the ops of precision.ts in this type. Its variables stay float32. */
  low?: LowType | undefined;
  /** Whether XLA compiles the program. This takes seconds in the first run, and pays on a GPU. Default false. */
  compile?: boolean;
  /** Where `spread` runs its work; all else runs on the first one. With fewer than two, TensorFlow decides. */
  devices?: readonly string[];
}

/**
 * Records `work` while tfjs runs it once on the given inputs, with zeros in place of encoded floats. In the program `inputs`
 * are fed, `state` are variables (if work assigns to one, so does the program), and all other tensors are constants.
 *
 * `state` itself keeps its values. Shapes are fixed: another batch size needs another program.
 */
export function recordProgram(
  tf: TF,
  state: readonly Group[],
  inputs: readonly Input[],
  work: (inputs: Tensor[], spread: Spread) => Result,
  { low, compile = false, devices = [] }: ProgramOptions = {},
): Program {
  const graph = createGraph();
  const trace = createTrace(tf, graph, { low, fused: compile });
  const device = devices.length > 1 ? devices[0] : undefined;
  const main = { device, cluster: 'main' };
  const placeholders = inputs.map((input, i) => addPlaceholder(graph, tensorOf(input), `input_${i}`));
  const variables = graph.at({ device }, () => state.map((group, i) => addVariable(graph, group, i, main)));
  const knowState = (vectors: readonly string[]) => {
    for (const [i, group] of state.entries()) {
      const split = once(() => splitGroup(graph, vectors[i]!, group));
      for (const [j, variable] of group.entries()) trace.know(asVector(variable), () => split()[j]!);
    }
  };
  const leave = (output: string, { dtype }: Tensor): string =>
    compile ? leaveCluster(graph, output, DATA_TYPES[dtype as DataTypeName]) : output;

  const { fetched, assigned } = tf.tidy(() => {
    const given = inputs.map((input) => (isEncoded(input) ? tf.zeros([...input.shape]) : input));
    const fed = given.map((tensor, i) => ({ tensor, input: inputs[i]!, name: placeholders[i]!.name }));
    const before = state.map((group) => group.map((variable) => variable.clone()));
    const restore = () => {
      for (const [i, group] of state.entries())
        for (const [j, variable] of group.entries()) variable.assign(before[i]![j]!);
    };
    const spread: Spread =
      device === undefined
        ? (shared, work) => {
            const results = work([...shared], 0).map((result) => result.clone());
            restore();
            return [results];
          }
        : createSpread(tf, {
            graph,
            trace,
            devices,
            fed,
            knowState: () => knowState(variables.map(({ stored }) => stored)),
            restore,
            leave,
          });
    try {
      return graph.at(main, () => {
        knowState(variables.map(({ value }) => value));
        knowInputs(graph, trace, fed);
        const { outputs, commit, uncommitted = [] } = trace.record(() => work(given, spread));
        const condition = commit && trace.outputOf(commit);
        const assigned = state.flatMap((group, i) => {
          const { handle, value } = variables[i]!;
          if (group.every(({ dataId }, j) => dataId === before[i]![j]!.dataId)) return [];
          const result = joinGroup(
            graph,
            group.map((variable) => trace.outputOf(asVector(variable))),
          );
          const isSafe = condition === undefined || uncommitted.includes(group);
          const T = { type: DATA_TYPES.float32 };
          const kept = isSafe ? result : graph.add('SelectV2', [condition, result, value], { T });
          return [addAssignment(graph, handle, kept)];
        });
        const results = outputs.map((tensor) => [trace.outputOf(tensor), tensor] as const);
        const fetched = graph.at({ device }, () => results.map((result) => leave(...result)));
        return { fetched, assigned };
      });
    } finally {
      restore();
    }
  });
  if (compile) markClusters(graph);
  const ran = addBarrier(graph, assigned, 'ran');
  const written = addBarrier(
    graph,
    variables.map(({ assign }) => assign),
    'written',
  );

  const session = openSession(tf, graph);
  const newValues = variables.map(({ newValue }) => newValue);
  return {
    run: (inputs) => {
      const fed = inputs.map(tensorOf);
      const results = session.run(feed(placeholders, fed), [...fetched.map(firstOutput), ran]);
      results.pop()!.dispose();
      return results;
    },
    read: (groups) =>
      session.run(
        new Map(),
        groups.map((group) => `${variables[group]!.stored}:0`),
      ),
    write: (vectors) => tf.dispose(session.run(feed(newValues, vectors), [written])),
    dispose: () => session.dispose(),
  };
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

const firstOutput = (output: string): string => (output.includes(':') ? output : `${output}:0`);

/** Maps the names of the placeholders to the tensors. Checks their shapes, which TensorFlow doesn't. */
function feed(placeholders: readonly Placeholder[], tensors: readonly Tensor[]): Map<string, Tensor> {
  if (placeholders.length !== tensors.length)
    throw new RangeError(`${tensors.length} tensors for ${placeholders.length} placeholders`);
  return new Map(
    placeholders.map(({ name, shape }, i) => {
      const tensor = tensors[i]!;
      if (tensor.shape.join() !== shape.join())
        throw new RangeError(`${name}: found a tensor [${tensor.shape}], needed [${shape}]`);
      return [name, tensor];
    }),
  );
}

/** Adds an output that is computed after all `nodes` have run. */
function addBarrier(graph: Graph, nodes: readonly string[], name: string): string {
  const done = graph.constant('int32', [], Int32Array.of(0));
  graph.add('Identity', [done, ...nodes.map((node) => `^${node}`)], { T: { type: DATA_TYPES.int32 } }, name);
  return `${name}:0`;
}
