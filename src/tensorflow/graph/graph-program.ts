import type { Scalar, Tensor, Variable } from '@tensorflow/tfjs-node-gpu';
import type { TF } from './bind.ts';
import { leaveCluster, markCluster } from './cluster.ts';
import { addDecoder, type Encoded, isEncoded } from './encoded.ts';
import { createGraph, DATA_TYPES, type DataTypeName, type Graph, shapeOf } from './graph.ts';
import type { LowType } from './precision.ts';
import { openSession } from './session.ts';
import { createTrace } from './trace.ts';

/** Result of recorded work. */
export interface Result {
  outputs: readonly Tensor[];
  /** Bool: if given and false, the variables keep their values, but for the `uncommitted` ones. */
  commit?: Scalar;
  uncommitted?: readonly Variable[];
}

/** What is fed to a program: a tensor, or floats that travel as int32. */
export type Input = Tensor | Encoded;

/** Work that was recorded once. TensorFlow runs it as one graph with its own variables. */
export interface Program {
  /** Runs the work on inputs of the recorded order, shape and type. Returns the outputs and updates the variables. */
  run(inputs: readonly Input[]): Tensor[];
  /** Values of the variables. */
  read(): Tensor[];
  /** Sets all variables; needed before the first run. */
  write(values: readonly Tensor[]): void;
  dispose(): void;
}

export interface ProgramOptions {
  /** Mixed precision: the program computes the ops of precision.ts in this type. Its variables stay float32. */
  low?: LowType | undefined;
  /** Whether XLA compiles the program. This takes seconds in the first run, and pays on a GPU. Default false. */
  compile?: boolean;
}

/**
 * Records `work` while tfjs runs it once on the given inputs, with zeros in place of encoded floats. In the program `inputs`
 * are fed, `state` are variables (if work assigns to one, so does the program), and all other tensors are constants.
 *
 * `state` itself keeps its values. Shapes are fixed: another batch size needs another program.
 */
export function recordProgram(
  tf: TF,
  state: readonly Variable[],
  inputs: readonly Input[],
  work: (...inputs: Tensor[]) => Result,
  { low, compile = false }: ProgramOptions = {},
): Program {
  const graph = createGraph();
  const trace = createTrace(tf, graph, { low, fused: compile });
  const placeholders = inputs.map((input, i) =>
    addPlaceholder(graph, isEncoded(input) ? input.tensor : input, `input_${i}`),
  );
  const variables = state.map((variable, i) => {
    const added = addVariable(graph, variable, i);
    trace.know(variable, added.value);
    return added;
  });

  const first = graph.nodes.length;
  const { outputs, assigned } = tf.tidy(() => {
    const given = inputs.map((input) => (isEncoded(input) ? tf.zeros([...input.shape]) : input));
    for (const [i, tensor] of given.entries()) {
      const input = inputs[i]!;
      const { name } = placeholders[i]!;
      trace.know(tensor, isEncoded(input) ? addDecoder(graph, name, input) : name);
    }
    const before = state.map((variable) => variable.clone());
    try {
      const { outputs, commit, uncommitted = [] } = trace.record(() => work(...given));
      const condition = commit && trace.outputOf(commit);
      return {
        outputs: outputs.map((tensor) => ({
          name: trace.outputOf(tensor),
          type: DATA_TYPES[tensor.dtype as DataTypeName],
        })),
        assigned: state.flatMap((variable, i) => {
          const { handle, value, type } = variables[i]!;
          const result = trace.outputOf(variable);
          if (result === value) return [];
          const T = { type };
          const kept =
            condition && !uncommitted.includes(variable)
              ? graph.add('SelectV2', [condition, result, value], { T })
              : result;
          return [graph.add('AssignVariableOp', [handle, kept], { dtype: T })];
        }),
      };
    } finally {
      for (const [i, variable] of state.entries()) variable.assign(before[i]!);
    }
  });
  if (compile) {
    // The reads of the variables, which were added before, belong to the work: XLA updates them in place.
    const reads = new Set(variables.map(({ value }) => value));
    markCluster(
      graph,
      graph.nodes.filter(({ name }, index) => index >= first || reads.has(name)),
    );
  }
  const fetched = outputs.map(({ name, type }) => {
    const output = compile ? leaveCluster(graph, name, type) : name;
    return output.includes(':') ? output : `${output}:0`;
  });
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
      const fed = inputs.map((input) => (isEncoded(input) ? input.tensor : input));
      const results = session.run(feed(placeholders, fed), [...fetched, ran]);
      results.pop()!.dispose();
      return results;
    },
    read: () =>
      session.run(
        new Map(),
        variables.map(({ stored }) => `${stored}:0`),
      ),
    write: (values) => tf.dispose(session.run(feed(newValues, values), [written])),
    dispose: () => session.dispose(),
  };
}

interface Placeholder {
  name: string;
  shape: readonly number[];
}

function addPlaceholder(graph: Graph, { dtype, shape }: Tensor, name: string): Placeholder {
  const type = DATA_TYPES[dtype as DataTypeName];
  graph.add('Placeholder', [], { dtype: { type }, shape: { shape: shapeOf(shape) } }, name);
  return { name, shape };
}

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

/** Adds a variable: its resource, its value for the work, its value outside of it, and the nodes that set it. */
function addVariable(graph: Graph, variable: Variable, index: number) {
  const type = DATA_TYPES[variable.dtype as DataTypeName];
  const dtype = { type };
  const handle = graph.add(
    'VarHandleOp',
    [],
    {
      dtype,
      shape: { shape: shapeOf(variable.shape) },
      shared_name: { s: Buffer.from(`variable_${index}`) },
    },
    `variable_${index}`,
  );
  const value = graph.add('ReadVariableOp', [handle], { dtype });
  const stored = graph.add('ReadVariableOp', [handle], { dtype });
  const newValue = addPlaceholder(graph, variable, `value_${index}`);
  const assign = graph.add('AssignVariableOp', [handle, newValue.name], { dtype });
  return { handle, value, stored, newValue, assign, type };
}

/** Adds an output that is computed after all `nodes` have run. */
function addBarrier(graph: Graph, nodes: readonly string[], name: string): string {
  const done = graph.constant('int32', [], Int32Array.of(0));
  graph.add('Identity', [done, ...nodes.map((node) => `^${node}`)], { T: { type: DATA_TYPES.int32 } }, name);
  return `${name}:0`;
}
