import { DETECTORS, SAMPLE_LENGTH } from '../core/strain.ts';
import { computeStages, type Operations, type PlannedConvolution } from '../model/network-plan.ts';
import { POOLED_RANGE } from '../model/presets.ts';
import { createGraph, type Graph, shapeOf } from '../tensorflow/graph/graph.ts';
import type { Filters } from './filters.ts';
import { type FoldedConvolution, INPUT, type Layer, type Network, OUTPUT } from './network.ts';
import { addServedFilters } from './saved-model-filters.ts';
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
import { createNames, operateOnStacks, type Stack } from './stacks.ts';

/** The signature that serving programs call by default. */
const SIGNATURE = 'serving_default';

const INPUT_SHAPE = [-1, DETECTORS.length, SAMPLE_LENGTH];

/** The network as saved_model.pb. Its weights are constants, so that this one file is a complete SavedModel. */
export function encodeSavedModel(network: Network | Filters): Uint8Array {
  const graph = createGraph();
  graph.add('Placeholder', [], { dtype: FLOAT, shape: { shape: shapeOf(INPUT_SHAPE) } }, INPUT);
  const probability = 'bank' in network ? addServedFilters(graph, network) : addNetwork(graph, network);
  reshape(graph, OUTPUT, probability, [-1]);
  return graph.encode({
    [SIGNATURE]: {
      inputs: { [INPUT]: { output: `${INPUT}:0`, type: 'float32', shape: INPUT_SHAPE } },
      outputs: { [OUTPUT]: { output: `${OUTPUT}:0`, type: 'float32', shape: [-1] } },
    },
  });
}

/**
 * Convolutions are 1 x k over [paths * B, 1, T, C], since TensorFlow's CPU kernels only support channels last. The paths of a
 * sample with the same weights are neighbours in the batch, so that each layer is one op.
 */
function addNetwork(graph: Graph, network: Network): string {
  const { gain, plan, dense, output } = network;
  let h = reshape(graph, 'detectors', INPUT, [-1, 1, SAMPLE_LENGTH, 1]);
  if (gain !== undefined)
    h = graph.add('Mul', [h, constant(graph, 'gain', [SAMPLE_LENGTH, 1], gain)], { T: FLOAT }, 'untaper');
  const detectors: Stack = { node: h, paths: DETECTORS.length, channels: 1, times: SAMPLE_LENGTH };
  const [last] = computeStages(plan, operations(graph, network), [detectors]) as [Stack];
  h = reshape(graph, 'features', pool(graph, last.node, network), [-1, plan.features]);
  h = dense.reduce((h, layer) => silu(graph, `${layer.name}_silu`, multiply(graph, h, layer)), h);
  return graph.add('Sigmoid', [multiply(graph, h, output)], { T: FLOAT }, 'sigmoid');
}

function operations(graph: Graph, { convolutions }: Network): Operations<Stack> {
  const unique = createNames();
  /** Exchanges the second axis with the third. */
  const exchange = (node: string, shape: readonly number[]): string => {
    const rows = reshape(graph, unique('rows'), node, shape);
    const name = unique('columns');
    const order = integers(graph, `${name}_order`, [0, 2, 1, 3]);
    return graph.add('Transpose', [rows, order], { T: FLOAT, Tperm: INT }, name);
  };
  return operateOnStacks({
    convolve: (node, convolution) => convolve(graph, node, convolution, convolutions[convolution.number]!),
    sum: (nodes) => {
      const name = unique('sum');
      return silu(graph, `${name}_silu`, addAll(graph, name, nodes));
    },
    concatenate: (nodes) => concatenate(graph, unique('together'), nodes, 3),
    takeChannels: (node, channels) => {
      const name = unique('taken');
      const indices = integers(graph, `${name}_channels`, channels);
      const attributes = { Tparams: FLOAT, Tindices: INT, Taxis: INT, batch_dims: { i: 0 } };
      return graph.add(
        'GatherV2',
        [node, indices, constant(graph, `${name}_axis`, [], Int32Array.of(3))],
        attributes,
        name,
      );
    },
    putSideBySide: ({ node, paths, channels, times }) => {
      const exchanged = exchange(node, [-1, paths, times, channels]);
      return reshape(graph, unique('coincidence'), exchanged, [-1, 1, times, paths * channels]);
    },
    pile: ({ node, paths, channels, times }) => {
      const exchanged = exchange(node, [-1, times, paths, channels]);
      return reshape(graph, unique('paths'), exchanged, [-1, 1, times, channels]);
    },
  });
}

/** [N, 1, T, in] -> [N, 1, T, out], or less time points */
function convolve(
  graph: Graph,
  h: string,
  { silu: activates, pooling }: PlannedConvolution,
  { name, shape, weights, bias, power }: FoldedConvolution,
): string {
  const kernel = constant(graph, `${name}_W`, [1, ...shape], weights);
  const products = graph.add(
    'Conv2D',
    [h, kernel],
    { T: FLOAT, strides: { list: { i: [1, 1, 1, 1] } }, padding: text('SAME'), data_format: text('NHWC') },
    `${name}_products`,
  );
  const convolved = addBias(graph, name, products, bias);
  const active = activates ? silu(graph, `${name}_silu`, convolved) : convolved;
  if (pooling === undefined) return active;
  const window = { list: { i: [1, 1, pooling.points, 1] } };
  const windows = {
    T: FLOAT,
    ksize: window,
    strides: window,
    padding: text('VALID'),
    data_format: text('NHWC'),
  };
  if (power === undefined) return graph.add('MaxPool', [active], windows, `${name}_pool`);
  const scalar = (part: string, value: number) =>
    constant(graph, `${name}_${part}`, [], Float32Array.of(value));
  const raised = graph.add('Maximum', [active, scalar('low', POOLED_RANGE[0])], { T: FLOAT }, `${name}_clip`);
  const powers = graph.add('Pow', [raised, scalar('p', power)], { T: FLOAT }, `${name}_powers`);
  const means = graph.add('AvgPool', [powers], windows, `${name}_mean`);
  return graph.add('Pow', [means, scalar('root', 1 / power)], { T: FLOAT }, `${name}_gem`);
}

/** The generalized mean over time: [N, 1, T, C] -> [N, C] */
function pool(graph: Graph, h: string, { power, timeWeights }: Network): string {
  const scalar = (name: string, value: number) => constant(graph, name, [], Float32Array.of(value));
  const [low, high] = POOLED_RANGE;
  const limits = [scalar('gem_low', low), scalar('gem_high', high)];
  const clipped = graph.add('ClipByValue', [h, ...limits], { T: FLOAT }, 'gem_clip');
  let powers = graph.add('Pow', [clipped, scalar('gem_p', power)], { T: FLOAT }, 'gem_powers');
  if (timeWeights !== undefined) {
    const weights = constant(graph, 'gem_time', [timeWeights.length, 1], timeWeights);
    powers = graph.add('Mul', [powers, weights], { T: FLOAT }, 'gem_weighted');
  }
  const axes = integers(graph, 'gem_axes', [1, 2]);
  const mean = graph.add(
    'Mean',
    [powers, axes],
    { T: FLOAT, Tidx: INT, keep_dims: { b: false } },
    'gem_mean',
  );
  return graph.add('Pow', [mean, scalar('gem_root', 1 / power)], { T: FLOAT }, 'gem');
}

/** [N, in] -> [N, out] */
function multiply(graph: Graph, h: string, { name, shape, weights, bias }: Layer): string {
  const matrix = constant(graph, `${name}_W`, shape, weights);
  const products = multiplyMatrices(graph, `${name}_products`, h, matrix);
  return addBias(graph, name, products, bias);
}

function addBias(graph: Graph, name: string, h: string, bias: Float32Array): string {
  const added = constant(graph, `${name}_b`, [bias.length], bias);
  return graph.add('BiasAdd', [h, added], { T: FLOAT, data_format: text('NHWC') }, name);
}

function silu(graph: Graph, name: string, h: string): string {
  const sigmoid = graph.add('Sigmoid', [h], { T: FLOAT }, `${name}_sigmoid`);
  return graph.add('Mul', [h, sigmoid], { T: FLOAT }, name);
}

function text(value: string): { s: Uint8Array } {
  return { s: Buffer.from(value) };
}
