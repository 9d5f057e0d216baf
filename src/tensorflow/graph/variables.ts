/**
 * Variables of a graph. Each holds a group of tfjs variables as one vector, since every variable and every op on one costs
 * microseconds in a step, however small it is.
 */
import type { TensorInfo, Variable } from '@tensorflow/tfjs-node-gpu';
import { DATA_TYPES, type DataTypeName, type Graph, type Place, shapeOf } from './graph.ts';

/** float32 variables. Their values are one after another in the vector, each in C order. */
export type Group = readonly Variable[];

export interface GraphVariable {
  handle: string;
  /** The vector as the work reads it. */
  value: string;
  /** The vector as everything else reads it. */
  stored: string;
  newValue: Placeholder;
  /** Sets the vector to the new value. */
  assign: string;
}

export interface Placeholder {
  name: string;
  shape: readonly number[];
}

export function addPlaceholder(
  graph: Graph,
  { dtype, shape }: Pick<TensorInfo, 'dtype' | 'shape'>,
  name: string,
): Placeholder {
  const type = DATA_TYPES[dtype as DataTypeName];
  graph.add('Placeholder', [], { dtype: { type }, shape: { shape: shapeOf(shape) } }, name);
  return { name, shape };
}

const FLOAT = { type: DATA_TYPES.float32 };
const INDEX = { type: DATA_TYPES.int32 };

/** `value` is read at another place than the rest. */
export function addVariable(graph: Graph, group: Group, index: number, place: Place): GraphVariable {
  const shape = [sizeOf(group)];
  const name = `variable_${index}`;
  const handle = graph.add(
    'VarHandleOp',
    [],
    { dtype: FLOAT, shape: { shape: shapeOf(shape) }, shared_name: { s: Buffer.from(name) } },
    name,
  );
  const read = () => graph.add('ReadVariableOp', [handle], { dtype: FLOAT });
  const value = graph.at(place, read);
  const newValue = addPlaceholder(graph, { dtype: 'float32', shape }, `value_${index}`);
  const assign = addAssignment(graph, handle, newValue.name);
  return { handle, value, stored: read(), newValue, assign };
}

export function addAssignment(graph: Graph, handle: string, value: string): string {
  return graph.add('AssignVariableOp', [handle, value], { dtype: FLOAT });
}

/** Splits the vector of a group into those of its members. */
export function splitGroup(graph: Graph, vector: string, group: Group): string[] {
  if (group.length === 1) return [vector];
  const sizes = graph.constant(
    'int32',
    [group.length],
    Int32Array.from(group, ({ size }) => size),
  );
  const axis = graph.constant('int32', [], Int32Array.of(0));
  const attributes = { T: FLOAT, Tlen: INDEX, num_split: { i: group.length } };
  const split = graph.add('SplitV', [vector, sizes, axis], attributes);
  return group.map((_, i) => (i === 0 ? split : `${split}:${i}`));
}

/** Joins the vectors of the members. */
export function joinGroup(graph: Graph, outputs: readonly string[]): string {
  if (outputs.length === 1) return outputs[0]!;
  const axis = graph.constant('int32', [], Int32Array.of(0));
  return graph.add('ConcatV2', [...outputs, axis], { T: FLOAT, Tidx: INDEX, N: { i: outputs.length } });
}

/** The variable's data in the shape of a vector. */
export function asVector({ dataId, dtype, size }: Variable): TensorInfo {
  return { dataId, dtype, shape: [size] };
}

function sizeOf(group: Group): number {
  return group.reduce((sum, { size }) => sum + size, 0);
}
