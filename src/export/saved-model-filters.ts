import { DETECTORS, SAMPLE_LENGTH } from '../core/strain.ts';
import { FILTERS } from '../signal/matched-filter.ts';
import { DATA_TYPES, type Graph } from '../tensorflow/graph/graph.ts';
import { addFilters, type FilterOps, type Filters } from './filters.ts';
import { INPUT } from './network.ts';
import {
  addAll,
  concatenate,
  constant,
  FLOAT,
  INT,
  integers,
  multiplyMatrices,
  reshape,
} from './saved-model-ops.ts';

const COMPLEX = { type: DATA_TYPES.complex64 };
const OPS = { Add: 'AddV2', Sub: 'Sub', Mul: 'Mul', Minimum: 'Minimum' } as const;

/** Adds the nodes from the input to the probability [batch, 1, 1, 1]; returns the last one. */
export function addServedFilters(graph: Graph, filters: Filters): string {
  return addFilters(operations(graph), INPUT, filters);
}

function operations(graph: Graph): FilterOps {
  /** A size of -1 is all that is left. */
  const slice = (name: string, x: string, begin: readonly number[], size: readonly number[]) => {
    const limits = [integers(graph, `${name}_begin`, begin), integers(graph, `${name}_size`, size)];
    return graph.add('Slice', [x, ...limits], { T: FLOAT, Index: INT }, name);
  };
  return {
    constant: (name, shape, values) => constant(graph, name, shape, values),
    map: (op, name, x) => graph.add(op, [x], { T: FLOAT }, name),
    combine: (op, name, a, b) => graph.add(OPS[op], [a, b], { T: FLOAT }, name),
    sum: (name, nodes) => addAll(graph, name, nodes),
    reduce: (op, name, x, axes) =>
      graph.add(
        op,
        [x, integers(graph, `${name}_axes`, axes)],
        { T: FLOAT, Tidx: INT, keep_dims: { b: true } },
        name,
      ),
    reshape: (name, x, shape) => reshape(graph, name, x, shape),
    slice: (name, x, start, length) => slice(name, x, [0, start], [-1, length]),
    concatenate: (name, nodes, axis) => concatenate(graph, name, nodes, axis),
    multiplyMatrices: (name, a, b) => multiplyMatrices(graph, name, a, b),
    transform: (x) => {
      const { firstBin, bins } = FILTERS;
      const length = integers(graph, 'spectrum_length', [SAMPLE_LENGTH]);
      const spectrum = graph.add('RFFT', [x, length], { Treal: FLOAT, Tcomplex: COMPLEX }, 'spectrum');
      const part = (op: 'Real' | 'Imag', name: string) => {
        const whole = graph.add(op, [spectrum], { T: COMPLEX, Tout: FLOAT }, `${name}_whole`);
        const band = slice(`${name}_slice`, whole, [0, 0, firstBin], [-1, -1, bins]);
        return reshape(graph, name, band, [-1, 1, DETECTORS.length, bins]);
      };
      return [part('Real', 'spectrum_real'), part('Imag', 'spectrum_imag')];
    },
  };
}
