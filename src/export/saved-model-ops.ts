import { constantOf, DATA_TYPES, type DataTypeName, type Graph } from '../tensorflow/graph/graph.ts';

export const FLOAT = { type: DATA_TYPES.float32 };
export const INT = { type: DATA_TYPES.int32 };

export function constant(
  graph: Graph,
  name: string,
  shape: readonly number[],
  values: Float32Array | Int32Array,
): string {
  const type: DataTypeName = values instanceof Float32Array ? 'float32' : 'int32';
  return graph.add('Const', [], constantOf(type, shape, values), name);
}

export function integers(graph: Graph, name: string, values: readonly number[]): string {
  return constant(graph, name, [values.length], Int32Array.from(values));
}

export function reshape(graph: Graph, name: string, h: string, shape: readonly number[]): string {
  const target = integers(graph, `${name}_shape`, shape);
  return graph.add('Reshape', [h, target], { T: FLOAT, Tshape: INT }, name);
}

export function multiplyMatrices(graph: Graph, name: string, a: string, b: string): string {
  const plain = { b: false };
  return graph.add('MatMul', [a, b], { T: FLOAT, transpose_a: plain, transpose_b: plain }, name);
}

export function concatenate(graph: Graph, name: string, nodes: readonly string[], axis: number): string {
  const along = constant(graph, `${name}_axis`, [], Int32Array.of(axis));
  return graph.add('ConcatV2', [...nodes, along], { T: FLOAT, N: { i: nodes.length }, Tidx: INT }, name);
}

export function addAll(graph: Graph, name: string, nodes: readonly string[]): string {
  return graph.add('AddN', nodes, { T: FLOAT, N: { i: nodes.length } }, name);
}
