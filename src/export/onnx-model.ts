import { DETECTORS, SAMPLE_LENGTH } from '../core/strain.ts';
import { POOLED_RANGE, POOLING } from '../model/presets.ts';
import { channelsOf, INPUT, type Layer, type Network, OUTPUT, pooledWidth } from './network.ts';
import { createOnnxGraph, type OnnxGraph } from './onnx.ts';

/**
 * The network as an ONNX model.
 *
 * Convolutions run over [3 B, C, T]. The detectors of a sample are neighbours in the batch, so that each shared layer
 * is one op, and a reshape alone puts a sample's channels side by side.
 *
 * @param notes metadata of the model, texts by name
 */
export function encodeOnnx(network: Network, notes: Readonly<Record<string, string>>): Uint8Array {
  const { gain, shared, merged, dense, output } = network;
  const graph = createOnnxGraph('chirpline');
  let h = reshape(graph, 'detectors', INPUT, [-1, 1, SAMPLE_LENGTH]);
  if (gain !== undefined) h = graph.add('Mul', 'untaper', [h, graph.floats('gain', [SAMPLE_LENGTH], gain)]);
  h = shared.reduce((h, layer) => convolve(graph, h, layer), h);
  if (merged.length > 0) {
    const length = SAMPLE_LENGTH / POOLING ** shared.length;
    h = reshape(graph, 'coincidence', h, [-1, channelsOf(shared) * DETECTORS.length, length]);
    h = merged.reduce((h, layer) => convolve(graph, h, layer), h);
  }
  h = reshape(graph, 'features', pool(graph, h, network), [-1, pooledWidth(network)]);
  h = dense.reduce((h, layer) => silu(graph, `${layer.name}_silu`, multiply(graph, h, layer)), h);
  h = graph.add('Sigmoid', 'sigmoid', [multiply(graph, h, output)]);
  reshape(graph, OUTPUT, h, [-1]);
  return graph.encode(
    { name: INPUT, shape: ['batch', DETECTORS.length, SAMPLE_LENGTH] },
    { name: OUTPUT, shape: ['batch'] },
    notes,
  );
}

function reshape(graph: OnnxGraph, name: string, h: string, shape: readonly number[]): string {
  return graph.add('Reshape', name, [h, graph.integers(`${name}_shape`, shape)]);
}

/** [N, in, T] -> [N, out, T / POOLING] */
function convolve(graph: OnnxGraph, h: string, { name, shape, weights, bias }: Layer): string {
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
  return graph.add('MaxPool', `${name}_pool`, [silu(graph, `${name}_silu`, convolved)], {
    kernel_shape: [POOLING],
    strides: [POOLING],
  });
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
