/**
 * Tensors in TensorFlow's protobuf messages. The schema has the fields in use from
 * https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/framework/{tensor,tensor_shape,types}.proto.
 */
import type { INamespace } from 'protobufjs';

/** Values of TensorFlow's enum DataType. */
export const DATA_TYPES = {
  float32: 1,
  float64: 2,
  int32: 3,
  string: 7,
  complex64: 8,
  int64: 9,
  bool: 10,
  bfloat16: 14,
  float16: 19,
  variant: 21,
} as const;

export type DataTypeName = keyof typeof DATA_TYPES;

export interface Shape {
  dim: { size: number }[];
}

export interface TensorValue {
  dtype: number;
  tensorShape: Shape;
  tensorContent?: Uint8Array;
  stringVal?: readonly Uint8Array[];
}

export function shapeOf(shape: readonly number[]): Shape {
  return { dim: shape.map((size) => ({ size })) };
}

/** Values are little-endian as in memory. Each string is an array of bytes. */
export function tensorOf(
  type: DataTypeName,
  shape: readonly number[],
  values: ArrayBufferView | readonly Uint8Array[],
): TensorValue {
  const content = ArrayBuffer.isView(values)
    ? { tensorContent: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) }
    : { stringVal: values };
  return { dtype: DATA_TYPES[type], tensorShape: shapeOf(shape), ...content };
}

/** TensorProto and TensorShapeProto, for schemas that contain tensors. */
export const TENSOR_MESSAGES: NonNullable<INamespace['nested']> = {
  TensorShapeProto: { fields: { dim: { rule: 'repeated', type: 'Dim', id: 2 } } },
  Dim: { fields: { size: { type: 'int64', id: 1 } } },
  TensorProto: {
    fields: {
      dtype: { type: 'int32', id: 1 },
      tensorShape: { type: 'TensorShapeProto', id: 2 },
      tensorContent: { type: 'bytes', id: 4 },
      stringVal: { rule: 'repeated', type: 'bytes', id: 8 },
    },
  },
};
