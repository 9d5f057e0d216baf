import type { OnnxGraph } from './onnx.ts';

export function reshape(graph: OnnxGraph, name: string, h: string, shape: readonly number[]): string {
  return graph.add('Reshape', name, [h, graph.integers(`${name}_shape`, shape)]);
}
