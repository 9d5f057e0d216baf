import { DETECTORS, SAMPLE_LENGTH } from '../core/strain.ts';
import { computeStages, type Operations, type PlannedConvolution } from '../model/network-plan.ts';
import { POOLED_RANGE } from '../model/presets.ts';
import type { Filters } from './filters.ts';
import { type FoldedConvolution, INPUT, type Layer, type Network, OUTPUT } from './network.ts';
import { createOnnxGraph, type OnnxGraph } from './onnx.ts';
import { addOnnxFilters } from './onnx-filters.ts';
import { reshape } from './onnx-ops.ts';
import { createNames, operateOnStacks, type Stack } from './stacks.ts';

/**
 * The network as an ONNX model.
 *
 * @param notes metadata of the model, texts by name
 */
export function encodeOnnx(network: Network | Filters, notes: Readonly<Record<string, string>>): Uint8Array {
  const graph = createOnnxGraph('chirpline');
  const probability = 'bank' in network ? addOnnxFilters(graph, network) : addNetwork(graph, network);
  reshape(graph, OUTPUT, probability, [-1]);
  return graph.encode(
    { name: INPUT, shape: ['batch', DETECTORS.length, SAMPLE_LENGTH] },
    { name: OUTPUT, shape: ['batch'] },
    notes,
  );
}

/**
 * Convolutions run over [paths * B, C, T]. The paths of a sample with the same weights are neighbours in the batch, so that each
 * layer is one op, and a reshape alone puts a sample's channels side by side.
 */
function addNetwork(graph: OnnxGraph, network: Network): string {
  const { gain, plan, dense, output } = network;
  let h = reshape(graph, 'detectors', INPUT, [-1, 1, SAMPLE_LENGTH]);
  if (gain !== undefined) h = graph.add('Mul', 'untaper', [h, graph.floats('gain', [SAMPLE_LENGTH], gain)]);
  const detectors: Stack = { node: h, paths: DETECTORS.length, channels: 1, times: SAMPLE_LENGTH };
  const [last] = computeStages(plan, operations(graph, network), [detectors]) as [Stack];
  h = reshape(graph, 'features', pool(graph, last.node, network), [-1, plan.features]);
  h = dense.reduce((h, layer) => silu(graph, `${layer.name}_silu`, multiply(graph, h, layer)), h);
  return graph.add('Sigmoid', 'sigmoid', [multiply(graph, h, output)]);
}

function operations(graph: OnnxGraph, { convolutions }: Network): Operations<Stack> {
  const unique = createNames();
  return operateOnStacks({
    convolve: (node, convolution) => convolve(graph, node, convolution, convolutions[convolution.number]!),
    sum: (nodes) => {
      const name = unique('sum');
      return silu(graph, `${name}_silu`, graph.add('Sum', name, nodes));
    },
    concatenate: (nodes) => graph.add('Concat', unique('together'), nodes, { axis: 1 }),
    takeChannels: (node, channels) => {
      const name = unique('taken');
      return graph.add('Gather', name, [node, graph.integers(`${name}_channels`, channels)], { axis: 1 });
    },
    putSideBySide: ({ node, paths, channels, times }) =>
      reshape(graph, unique('coincidence'), node, [-1, paths * channels, times]),
    pile: ({ node, channels, times }) => reshape(graph, unique('paths'), node, [-1, channels, times]),
  });
}

/** [N, in, T] -> [N, out, T], or less time points */
function convolve(
  graph: OnnxGraph,
  h: string,
  { silu: activates, pooling }: PlannedConvolution,
  { name, shape, weights, bias, power }: FoldedConvolution,
): string {
  const [kernel, inputs, outputs] = shape as [number, number, number];
  const kernels = new Float32Array(weights.length);
  for (let out = 0; out < outputs; out++)
    for (let channel = 0; channel < inputs; channel++)
      for (let k = 0; k < kernel; k++)
        kernels[(out * inputs + channel) * kernel + k] = weights[(k * inputs + channel) * outputs + out]!;
  const before = Math.floor((kernel - 1) / 2);
  const convolved = graph.add(
    'Conv',
    name,
    [
      h,
      graph.floats(`${name}_W`, [outputs, inputs, kernel], kernels),
      graph.floats(`${name}_b`, [outputs], bias),
    ],
    { kernel_shape: [kernel], pads: [before, kernel - 1 - before] },
  );
  const active = activates ? silu(graph, `${name}_silu`, convolved) : convolved;
  if (pooling === undefined) return active;
  const windows = { kernel_shape: [pooling.points], strides: [pooling.points] };
  if (power === undefined) return graph.add('MaxPool', `${name}_pool`, [active], windows);
  const scalar = (part: string, value: number) => graph.floats(`${name}_${part}`, [], Float32Array.of(value));
  const raised = graph.add('Max', `${name}_clip`, [active, scalar('low', POOLED_RANGE[0])]);
  const powers = graph.add('Pow', `${name}_powers`, [raised, scalar('p', power)]);
  const means = graph.add('AveragePool', `${name}_mean`, [powers], windows);
  return graph.add('Pow', `${name}_gem`, [means, scalar('root', 1 / power)]);
}

/** The generalized mean over time: [N, C, T] -> [N, C] */
function pool(graph: OnnxGraph, h: string, { power, timeWeights }: Network): string {
  const scalar = (name: string, value: number) => graph.floats(name, [], Float32Array.of(value));
  const [low, high] = POOLED_RANGE;
  const clipped = graph.add('Clip', 'gem_clip', [h, scalar('gem_low', low), scalar('gem_high', high)]);
  let powers = graph.add('Pow', 'gem_powers', [clipped, scalar('gem_p', power)]);
  if (timeWeights !== undefined)
    powers = graph.add('Mul', 'gem_weighted', [
      powers,
      graph.floats('gem_time', [timeWeights.length], timeWeights),
    ]);
  const mean = graph.add('ReduceMean', 'gem_mean', [powers], { axes: [2], keepdims: 0 });
  return graph.add('Pow', 'gem', [mean, scalar('gem_root', 1 / power)]);
}

/** [N, in] -> [N, out] */
function multiply(graph: OnnxGraph, h: string, { name, shape, weights, bias }: Layer): string {
  return graph.add('Gemm', name, [
    h,
    graph.floats(`${name}_W`, shape, weights),
    graph.floats(`${name}_b`, [bias.length], bias),
  ]);
}

function silu(graph: OnnxGraph, name: string, h: string): string {
  return graph.add('Mul', name, [h, graph.add('Sigmoid', `${name}_sigmoid`, [h])]);
}
