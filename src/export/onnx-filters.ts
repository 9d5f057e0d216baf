import { DETECTORS, SAMPLE_LENGTH } from '../core/strain.ts';
import { FILTERS } from '../signal/matched-filter.ts';
import { addFilters, type FilterOps, type Filters } from './filters.ts';
import { INPUT } from './network.ts';
import type { OnnxGraph } from './onnx.ts';
import { reshape } from './onnx-ops.ts';

/** Adds the nodes from the input to the probability [batch, 1, 1, 1]; returns the last one. */
export function addOnnxFilters(graph: OnnxGraph, filters: Filters): string {
  return addFilters(operations(graph), INPUT, filters);
}

function operations(graph: OnnxGraph): FilterOps {
  const slice = (
    name: string,
    x: string,
    starts: readonly number[],
    ends: readonly number[],
    axes: number[],
  ) =>
    graph.add('Slice', name, [
      x,
      graph.integers(`${name}_starts`, starts),
      graph.integers(`${name}_ends`, ends),
      graph.integers(`${name}_axes`, axes),
    ]);
  return {
    constant: graph.floats,
    map: (op, name, x) => graph.add(op, name, [x]),
    combine: (op, name, a, b) => graph.add(op === 'Minimum' ? 'Min' : op, name, [a, b]),
    sum: (name, nodes) => graph.add('Sum', name, nodes),
    // Up to opset 17 only ReduceSum takes the axes as an input.
    reduce: (op, name, x, axes) =>
      op === 'Sum'
        ? graph.add('ReduceSum', name, [x, graph.integers(`${name}_axes`, axes)], { keepdims: 1 })
        : graph.add('ReduceMax', name, [x], { axes, keepdims: 1 }),
    reshape: (name, x, shape) => reshape(graph, name, x, shape),
    slice: (name, x, start, length) => slice(name, x, [start], [start + length], [1]),
    concatenate: (name, nodes, axis) => graph.add('Concat', name, nodes, { axis }),
    multiplyMatrices: (name, a, b) => graph.add('MatMul', name, [a, b]),
    transform: (x) => {
      const { firstBin, bins } = FILTERS;
      // Complex numbers are pairs in the last axis.
      const signals = reshape(graph, 'signals', x, [-1, DETECTORS.length, SAMPLE_LENGTH, 1]);
      const spectrum = graph.add('DFT', 'spectrum', [signals], { axis: 2, onesided: 1 });
      const part = (name: string, i: number) =>
        reshape(
          graph,
          name,
          slice(`${name}_slice`, spectrum, [firstBin, i], [firstBin + bins, i + 1], [2, 3]),
          [-1, 1, DETECTORS.length, bins],
        );
      return [part('spectrum_real', 0), part('spectrum_imag', 1)];
    },
  };
}
