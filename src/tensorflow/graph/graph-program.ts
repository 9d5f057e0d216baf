import type { Scalar, Tensor, Variable } from '@tensorflow/tfjs-node-gpu';
import type { TF } from './bind.ts';
import { createGraph, DATA_TYPES, type DataTypeName, type Graph, shapeOf } from './graph.ts';
import type { Precision } from './precision.ts';
import { openSession } from './session.ts';
import { createTrace } from './trace.ts';

/** What recorded work comes to. */
export interface Result {
  outputs: readonly Tensor[];
  /** Bool: where it is given and false, the variables stay as they are. */
  commit?: Scalar;
}

/** Work that was recorded once and that TensorFlow runs as one graph, with variables of its own. */
export interface Program {
  /** The outputs for other values of the recorded inputs, in their order, shape and type; moves the variables. */
  run(inputs: readonly Tensor[]): Tensor[];
  /** Values of the variables. */
  read(): Tensor[];
  /** Sets all variables; needed before the first run. */
  write(values: readonly Tensor[]): void;
  dispose(): void;
}

/**
 * Records `work` on the given inputs, while it is run once by tfjs. Of the tensors in it, `inputs` will be fed, the
 * `state` are variables of the program (where work assigns to one, the program does), and all others are constants.
 *
 * In mixed precision the program computes in bfloat16 what precision.ts lists, and holds its variables in float32.
 *
 * The state itself is left as it was. Shapes are fixed: another batch size needs a program of its own.
 */
export function recordProgram(
  tf: TF,
  state: readonly Variable[],
  inputs: readonly Tensor[],
  work: () => Result,
  precision: Precision = 'float32',
): Program {
  const graph = createGraph();
  const trace = createTrace(tf, graph, precision);
  const placeholders = inputs.map((tensor, i) => {
    const placeholder = addPlaceholder(graph, tensor, `input_${i}`);
    trace.know(tensor, placeholder.name);
    return placeholder;
  });
  const variables = state.map((variable, i) => {
    const added = addVariable(graph, variable, i);
    trace.know(variable, added.value);
    return added;
  });

  const { outputs, assigned } = tf.tidy(() => {
    const before = state.map((variable) => variable.clone());
    try {
      const { outputs, commit } = trace.record(work);
      const condition = commit && trace.outputOf(commit);
      return {
        outputs: outputs.map((tensor) => trace.outputOf(tensor)),
        assigned: state.flatMap((variable, i) => {
          const { handle, value, type } = variables[i]!;
          const result = trace.outputOf(variable);
          if (result === value) return [];
          const T = { type };
          const kept = condition ? graph.add('SelectV2', [condition, result, value], { T }) : result;
          return [graph.add('AssignVariableOp', [handle, kept], { dtype: T })];
        }),
      };
    } finally {
      for (const [i, variable] of state.entries()) variable.assign(before[i]!);
    }
  });
  const fetched = outputs.map((output) => (output.includes(':') ? output : `${output}:0`));
  const ran = addBarrier(graph, assigned, 'ran');
  const written = addBarrier(
    graph,
    variables.map(({ assign }) => assign),
    'written',
  );

  const session = openSession(tf, graph);
  const newValues = variables.map(({ newValue }) => newValue);
  return {
    run: (tensors) => {
      const results = session.run(feed(placeholders, tensors), [...fetched, ran]);
      results.pop()!.dispose();
      return results;
    },
    read: () =>
      session.run(
        new Map(),
        variables.map(({ value }) => `${value}:0`),
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

/** The tensors by the names of their placeholders, whose shapes TensorFlow itself doesn't check. */
function feed(placeholders: readonly Placeholder[], tensors: readonly Tensor[]): Map<string, Tensor> {
  if (placeholders.length !== tensors.length)
    throw new RangeError(`${tensors.length} tensors for ${placeholders.length} placeholders`);
  return new Map(
    placeholders.map(({ name, shape }, i) => {
      const tensor = tensors[i]!;
      if (tensor.shape.join() !== shape.join())
        throw new RangeError(`${name}: a tensor [${tensor.shape}], needed [${shape}]`);
      return [name, tensor];
    }),
  );
}

/** A variable: its resource, its value, and the means to set it. */
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
  const newValue = addPlaceholder(graph, variable, `value_${index}`);
  const assign = graph.add('AssignVariableOp', [handle, newValue.name], { dtype });
  return { handle, value, newValue, assign, type };
}

/** An output that is there once all `nodes` have run. */
function addBarrier(graph: Graph, nodes: readonly string[], name: string): string {
  const done = graph.constant('int32', [], Int32Array.of(0));
  graph.add('Identity', [done, ...nodes.map((node) => `^${node}`)], { T: { type: DATA_TYPES.int32 } }, name);
  return `${name}:0`;
}
