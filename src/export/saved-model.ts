import { DETECTORS, SAMPLE_LENGTH } from '../core/strain.ts';
import { POOLED_RANGE, POOLING } from '../model/presets.ts';
import {
  constantOf,
  createGraph,
  DATA_TYPES,
  type DataTypeName,
  type Graph,
  shapeOf,
} from '../tensorflow/graph/graph.ts';
import { channelsOf, INPUT, type Layer, type Network, OUTPUT, pooledWidth } from './network.ts';

/** The signature that serving programs call by default. */
const SIGNATURE = 'serving_default';

const INPUT_SHAPE = [-1, DETECTORS.length, SAMPLE_LENGTH];
const FLOAT = { type: DATA_TYPES.float32 };
const INT = { type: DATA_TYPES.int32 };

/**
 * The network as saved_model.pb. Its weights are constants, so that this one file is a complete SavedModel.
 *
 * Convolutions are 1 x k over [3 B, 1, T, C], since TensorFlow's CPU kernels only support channels last. The
 * detectors of a sample are neighbours in the batch, so that each shared layer is one op.
 */
export function encodeSavedModel(network: Network): Uint8Array {
  const { gain, shared, merged, dense, output } = network;
  const graph = createGraph();
  graph.add('Placeholder', [], { dtype: FLOAT, shape: { shape: shapeOf(INPUT_SHAPE) } }, INPUT);
  let h = reshape(graph, 'detectors', INPUT, [-1, 1, SAMPLE_LENGTH, 1]);
  if (gain !== undefined)
    h = graph.add('Mul', [h, constant(graph, 'gain', [SAMPLE_LENGTH, 1], gain)], { T: FLOAT }, 'untaper');
  h = shared.reduce((h, layer) => convolve(graph, h, layer), h);
  if (merged.length > 0) {
    h = putSideBySide(graph, h, SAMPLE_LENGTH / POOLING ** shared.length, channelsOf(shared));
    h = merged.reduce((h, layer) => convolve(graph, h, layer), h);
  }
  h = reshape(graph, 'features', pool(graph, h, network), [-1, pooledWidth(network)]);
  h = dense.reduce((h, layer) => silu(graph, `${layer.name}_silu`, multiply(graph, h, layer)), h);
  h = graph.add('Sigmoid', [multiply(graph, h, output)], { T: FLOAT }, 'sigmoid');
  reshape(graph, OUTPUT, h, [-1]);
  return graph.encode({
    [SIGNATURE]: {
      inputs: { [INPUT]: { output: `${INPUT}:0`, type: 'float32', shape: INPUT_SHAPE } },
      outputs: { [OUTPUT]: { output: `${OUTPUT}:0`, type: 'float32', shape: [-1] } },
    },
  });
}

function constant(
  graph: Graph,
  name: string,
  shape: readonly number[],
  values: Float32Array | Int32Array,
): string {
  const type: DataTypeName = values instanceof Float32Array ? 'float32' : 'int32';
  return graph.add('Const', [], constantOf(type, shape, values), name);
}

function integers(graph: Graph, name: string, values: readonly number[]): string {
  return constant(graph, name, [values.length], Int32Array.from(values));
}

function reshape(graph: Graph, name: string, h: string, shape: readonly number[]): string {
  const target = integers(graph, `${name}_shape`, shape);
  return graph.add('Reshape', [h, target], { T: FLOAT, Tshape: INT }, name);
}

/** Puts the channels of a sample's detectors, which are three rows, side by side: [3 B, 1, T, C] -> [B, 1, T, 3 C] */
function putSideBySide(graph: Graph, h: string, length: number, channels: number): string {
  const rows = reshape(graph, 'rows', h, [-1, DETECTORS.length, length, channels]);
  const order = integers(graph, 'columns_order', [0, 2, 1, 3]);
  const columns = graph.add('Transpose', [rows, order], { T: FLOAT, Tperm: INT }, 'columns');
  return reshape(graph, 'coincidence', columns, [-1, 1, length, DETECTORS.length * channels]);
}

/** [N, 1, T, in] -> [N, 1, T / POOLING, out] */
function convolve(graph: Graph, h: string, { name, shape, weights, bias }: Layer): string {
  const kernel = constant(graph, `${name}_W`, [1, ...shape], weights);
  const convolved = graph.add(
    'Conv2D',
    [h, kernel],
    { T: FLOAT, strides: { list: { i: [1, 1, 1, 1] } }, padding: text('SAME'), data_format: text('NHWC') },
    `${name}_products`,
  );
  const window = { list: { i: [1, 1, POOLING, 1] } };
  return graph.add(
    'MaxPool',
    [silu(graph, `${name}_silu`, addBias(graph, name, convolved, bias))],
    { T: FLOAT, ksize: window, strides: window, padding: text('VALID'), data_format: text('NHWC') },
    `${name}_pool`,
  );
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
  const plain = { b: false };
  const products = graph.add(
    'MatMul',
    [h, matrix],
    { T: FLOAT, transpose_a: plain, transpose_b: plain },
    `${name}_products`,
  );
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
