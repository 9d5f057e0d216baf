/**
 * TensorFlow graphs and SavedModels as bytes.
 * https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/protobuf/{meta_graph,saved_model}.proto and
 * core/framework/{graph,node_def,attr_value,tensor,tensor_shape}.proto, of which these are the fields in use.
 */
import protobuf from 'protobufjs/light.js';

/** Numbers of TensorFlow's DataType. */
export const DATA_TYPES = { float32: 1, int32: 3, bool: 10 } as const;

export type DataTypeName = keyof typeof DATA_TYPES;

/** One kind of value each, as AttrValue has them. */
export type Attribute =
  | { s: Uint8Array }
  | { i: number }
  | { f: number }
  | { b: boolean }
  | { type: number }
  | { shape: Shape }
  | { tensor: { dtype: number; tensorShape: Shape; tensorContent: Uint8Array } }
  | { list: { i: readonly number[] } | { f: readonly number[] } | { type: readonly number[] } };

interface Shape {
  dim: { size: number }[];
}

interface Node {
  name: string;
  op: string;
  input: readonly string[];
  attr: Readonly<Record<string, Attribute>>;
}

/** A graph that grows node by node. Outputs are named `node` (the first) or `node:1`, dependencies `^node`. */
export interface Graph {
  /** Adds a node and returns its name, `op_N` when none is given. */
  add(
    op: string,
    inputs: readonly string[],
    attributes?: Readonly<Record<string, Attribute>>,
    name?: string,
  ): string;
  /** Adds a Const of `values`, little endian as in memory. */
  constant(type: DataTypeName, shape: readonly number[], values: ArrayBufferView): string;
  /** Nodes so far. */
  readonly size: number;
  /** The graph as saved_model.pb, without signatures. */
  encode(): Uint8Array;
}

export function createGraph(): Graph {
  const nodes: Node[] = [];
  const add: Graph['add'] = (op, input, attr = {}, name = `${op}_${nodes.length}`) => {
    nodes.push({ name, op, input, attr });
    return name;
  };
  return {
    add,
    constant: (type, shape, values) => {
      const dtype = DATA_TYPES[type];
      const tensorContent = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      const tensor = { dtype, tensorShape: shapeOf(shape), tensorContent };
      return add('Const', [], { dtype: { type: dtype }, value: { tensor } });
    },
    get size() {
      return nodes.length;
    },
    encode: () =>
      SAVED_MODEL.encode({
        savedModelSchemaVersion: 1,
        metaGraphs: [
          { metaInfoDef: { tags: [TAG] }, graphDef: { node: nodes, versions: { producer: PRODUCER } } },
        ],
      }).finish(),
  };
}

export function shapeOf(shape: readonly number[]): Shape {
  return { dim: shape.map((size) => ({ size })) };
}

/** The tag that the graph is loaded by. */
export const TAG = 'serve';

/** GraphDef version of TensorFlow 2.9, the oldest that the addon is made for: later ones read it too. */
const PRODUCER = 1087;

const repeated = (type: string, id: number, packed?: boolean): protobuf.IField & { rule: string } => ({
  rule: 'repeated',
  type,
  id,
  ...(packed && { options: { packed } }),
});

const SAVED_MODEL = protobuf.Root.fromJSON({
  nested: {
    SavedModel: {
      fields: { savedModelSchemaVersion: { type: 'int64', id: 1 }, metaGraphs: repeated('MetaGraphDef', 2) },
    },
    MetaGraphDef: {
      fields: { metaInfoDef: { type: 'MetaInfoDef', id: 1 }, graphDef: { type: 'GraphDef', id: 2 } },
    },
    MetaInfoDef: { fields: { tags: repeated('string', 4) } },
    GraphDef: { fields: { node: repeated('NodeDef', 1), versions: { type: 'VersionDef', id: 4 } } },
    VersionDef: { fields: { producer: { type: 'int32', id: 1 } } },
    NodeDef: {
      fields: {
        name: { type: 'string', id: 1 },
        op: { type: 'string', id: 2 },
        input: repeated('string', 3),
        attr: { keyType: 'string', type: 'AttrValue', id: 5 } as protobuf.IMapField,
      },
    },
    AttrValue: {
      oneofs: { value: { oneof: ['list', 's', 'i', 'f', 'b', 'type', 'shape', 'tensor'] } },
      fields: {
        list: { type: 'ListValue', id: 1 },
        s: { type: 'bytes', id: 2 },
        i: { type: 'int64', id: 3 },
        f: { type: 'float', id: 4 },
        b: { type: 'bool', id: 5 },
        type: { type: 'int32', id: 6 },
        shape: { type: 'TensorShapeProto', id: 7 },
        tensor: { type: 'TensorProto', id: 8 },
      },
    },
    ListValue: {
      fields: {
        i: repeated('int64', 3, true),
        f: repeated('float', 4, true),
        type: repeated('int32', 6, true),
      },
    },
    TensorShapeProto: { fields: { dim: repeated('Dim', 2) } },
    Dim: { fields: { size: { type: 'int64', id: 1 } } },
    TensorProto: {
      fields: {
        dtype: { type: 'int32', id: 1 },
        tensorShape: { type: 'TensorShapeProto', id: 2 },
        tensorContent: { type: 'bytes', id: 4 },
      },
    },
  },
}).lookupType('SavedModel');
