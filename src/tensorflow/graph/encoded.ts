/**
 * Floats that travel to a graph as int32. tfjs' addon puts every float tensor on the GPU, and runs a graph on a copy in the
 * host's memory, which TensorFlow copies to the GPU again. An int32 tensor stays in the host's memory until the graph takes it.
 */
import type { Tensor } from '@tensorflow/tfjs-node-gpu';
import { decodeFloat16 } from '../../core/float16.ts';
import type { TF } from './bind.ts';
import { DATA_TYPES, type Graph } from './graph.ts';

export interface Encoded {
  /** int32, of the same bytes, little-endian. Two float16 share a number along the last axis. */
  tensor: Tensor;
  type: 'float16' | 'float32';
  /** Shape of the floats. */
  shape: readonly number[];
}

/** What is fed to a program: a tensor, or floats that travel as int32. */
export type Input = Tensor | Encoded;

/** The tensor that is fed. */
export function tensorOf(input: Input): Tensor {
  return isEncoded(input) ? input.tensor : input;
}

export function isEncoded(input: Input): input is Encoded {
  return 'tensor' in input;
}

/** Encodes float32 values. The caller disposes of the tensor. */
export function encodeFloats(tf: TF, values: Float32Array, shape: readonly number[]): Encoded {
  const numbers = new Int32Array(values.buffer, values.byteOffset, values.length);
  return { tensor: tf.tensor(numbers, [...shape], 'int32'), type: 'float32', shape };
}

/** The floats of one int32 tensor, for the eager engine: they pass through JavaScript. */
export function decodeFloats(tf: TF, { tensor, type, shape }: Encoded): Tensor {
  const { buffer, byteOffset, byteLength } = tensor.dataSync();
  if (type === 'float32') return tf.tensor(new Float32Array(buffer, byteOffset, byteLength / 4), [...shape]);
  const values = new Float32Array(byteLength / 2);
  decodeFloat16(new Uint8Array(buffer, byteOffset, byteLength), values);
  return tf.tensor(values, [...shape]);
}

/** Adds the nodes that turn the encoded `input` into float32, and returns their output. */
export function addDecoder(graph: Graph, input: string, { type, shape }: Encoded): string {
  const to = DATA_TYPES[type];
  const floats = graph.add('Bitcast', [input], { T: { type: DATA_TYPES.int32 }, type: { type: to } });
  if (type === 'float32') return floats;
  const target = graph.constant('int32', [shape.length], Int32Array.from(shape));
  const shaped = graph.add('Reshape', [floats, target], {
    T: { type: to },
    Tshape: { type: DATA_TYPES.int32 },
  });
  return graph.add('Cast', [shaped], { SrcT: { type: to }, DstT: { type: DATA_TYPES.float32 } });
}
