/**
 * ONNX models as bytes.
 * The schema is the part in use of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3.
 */
import protobuf from 'protobufjs/light.js';
import { SOFTWARE } from '../core/software.ts';

/** Versions of the file format and of the operators: those of ONNX 1.12 (2022), which later runtimes support too. */
const IR_VERSION = 8;
const OPERATORS = 17;

/** Numbers of TensorProto.DataType and AttributeProto.AttributeType. */
const FLOAT = 1;
const INT64 = 7;
const ATTRIBUTE_INT = 2;
const ATTRIBUTE_INTS = 7;

/** A float32 input or output; a dimension of unknown length has a name. */
interface Value {
  name: string;
  shape: readonly (number | string)[];
}

/** A graph that is built node by node. Each node has one output, with the name of the node. */
export interface OnnxGraph {
  /** Adds a node and returns its name. Attributes are int64. */
  add(
    operator: string,
    name: string,
    inputs: readonly string[],
    attributes?: Readonly<Record<string, number | readonly number[]>>,
  ): string;
  /** Adds float32 values and returns their name. */
  floats(name: string, shape: readonly number[], values: Float32Array): string;
  /** Adds a list of int64 and returns its name. */
  integers(name: string, values: readonly number[]): string;
  /** Encodes the whole model. `notes` are its metadata, texts by name. */
  encode(input: Value, output: Value, notes: Readonly<Record<string, string>>): Uint8Array;
}

export function createOnnxGraph(graphName: string): OnnxGraph {
  const node: object[] = [];
  const initializer: object[] = [];
  const addTensor = (name: string, dims: readonly number[], dataType: number, values: ArrayBufferView) => {
    const rawData = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    initializer.push({ name, dims, dataType, rawData });
    return name;
  };
  return {
    add: (opType, name, input, attributes = {}) => {
      const attribute = Object.entries(attributes).map(([name, value]) =>
        typeof value === 'number'
          ? { name, type: ATTRIBUTE_INT, i: value }
          : { name, type: ATTRIBUTE_INTS, ints: value },
      );
      node.push({ name, opType, input, output: [name], attribute });
      return name;
    },
    floats: (name, shape, values) => addTensor(name, shape, FLOAT, values),
    integers: (name, values) =>
      addTensor(
        name,
        [values.length],
        INT64,
        BigInt64Array.from(values, (value) => BigInt(value)),
      ),
    encode: (input, output, notes) =>
      MODEL.encode({
        irVersion: IR_VERSION,
        producerName: SOFTWARE.name,
        producerVersion: SOFTWARE.version,
        graph: {
          name: graphName,
          node,
          initializer,
          input: [encodeValue(input)],
          output: [encodeValue(output)],
        },
        opsetImport: [{ domain: '', version: OPERATORS }],
        metadataProps: Object.entries(notes).map(([key, value]) => ({ key, value })),
      }).finish(),
  };
}

function encodeValue({ name, shape }: Value) {
  const dim = shape.map((length) =>
    typeof length === 'number' ? { dimValue: length } : { dimParam: length },
  );
  return { name, type: { tensorType: { elemType: FLOAT, shape: { dim } } } };
}

const repeated = (type: string, id: number): protobuf.IField & { rule: string } => ({
  rule: 'repeated',
  type,
  id,
  // ONNX's own schema is proto2, where numbers aren't packed.
  options: { packed: false },
});

const MODEL = protobuf.Root.fromJSON({
  nested: {
    ModelProto: {
      fields: {
        irVersion: { type: 'int64', id: 1 },
        producerName: { type: 'string', id: 2 },
        producerVersion: { type: 'string', id: 3 },
        graph: { type: 'GraphProto', id: 7 },
        opsetImport: repeated('OperatorSetIdProto', 8),
        metadataProps: repeated('StringStringEntryProto', 14),
      },
    },
    OperatorSetIdProto: {
      fields: { domain: { type: 'string', id: 1 }, version: { type: 'int64', id: 2 } },
    },
    StringStringEntryProto: {
      fields: { key: { type: 'string', id: 1 }, value: { type: 'string', id: 2 } },
    },
    GraphProto: {
      fields: {
        node: repeated('NodeProto', 1),
        name: { type: 'string', id: 2 },
        initializer: repeated('TensorProto', 5),
        input: repeated('ValueInfoProto', 11),
        output: repeated('ValueInfoProto', 12),
      },
    },
    NodeProto: {
      fields: {
        input: repeated('string', 1),
        output: repeated('string', 2),
        name: { type: 'string', id: 3 },
        opType: { type: 'string', id: 4 },
        attribute: repeated('AttributeProto', 5),
      },
    },
    AttributeProto: {
      fields: {
        name: { type: 'string', id: 1 },
        i: { type: 'int64', id: 3 },
        ints: repeated('int64', 8),
        type: { type: 'int32', id: 20 },
      },
    },
    TensorProto: {
      fields: {
        dims: repeated('int64', 1),
        dataType: { type: 'int32', id: 2 },
        name: { type: 'string', id: 8 },
        rawData: { type: 'bytes', id: 9 },
      },
    },
    ValueInfoProto: { fields: { name: { type: 'string', id: 1 }, type: { type: 'TypeProto', id: 2 } } },
    TypeProto: { fields: { tensorType: { type: 'TensorType', id: 1 } } },
    TensorType: {
      fields: { elemType: { type: 'int32', id: 1 }, shape: { type: 'TensorShapeProto', id: 2 } },
    },
    TensorShapeProto: { fields: { dim: repeated('Dimension', 1) } },
    Dimension: {
      oneofs: { value: { oneof: ['dimValue', 'dimParam'] } },
      fields: { dimValue: { type: 'int64', id: 1 }, dimParam: { type: 'string', id: 2 } },
    },
  },
}).lookupType('ModelProto');
