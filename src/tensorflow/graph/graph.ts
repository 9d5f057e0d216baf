/**
 * TensorFlow graphs and SavedModels as bytes. The schema has the fields in use from
 * https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/protobuf/{meta_graph,saved_model}.proto and
 * core/framework/{graph,node_def,attr_value,function,op_def}.proto.
 */
import protobuf from 'protobufjs/light.js';
import {
  DATA_TYPES,
  type DataTypeName,
  type Shape,
  shapeOf,
  TENSOR_MESSAGES,
  type TensorValue,
  tensorOf,
} from './tensor.ts';

export { DATA_TYPES, type DataTypeName, shapeOf } from './tensor.ts';

/** A value of one kind, see AttrValue. */
export type Attribute =
  | { s: Uint8Array }
  | { i: number }
  | { f: number }
  | { b: boolean }
  | { type: number }
  | { shape: Shape }
  /** A function that the graph defines, by name. */
  | { func: { name: string } }
  | { tensor: TensorValue }
  | { list: List };

type List =
  | { s: readonly Uint8Array[] }
  | { i: readonly number[] }
  | { f: readonly number[] }
  | { type: readonly number[] }
  | { shape: readonly Shape[] };

/** Function of a graph that an op calls, such as the map function of a dataset. */
export interface GraphFunction {
  name: string;
  arguments: readonly Argument[];
  results: readonly (Argument & {
    /** The node output that it returns. */
    from: string;
  })[];
  /** Unlike in a graph, an output is named `node:output:0`, with its name in the definition of the op. */
  nodes: readonly Node[];
}

interface Argument {
  name: string;
  /** See DATA_TYPES. */
  type: number;
}

export interface Node {
  name: string;
  op: string;
  input: readonly string[];
  attr: Readonly<Record<string, Attribute>>;
  /** If missing, TensorFlow decides. */
  device?: string | undefined;
  cluster?: string | undefined;
}

/** Where nodes run. */
export interface Place {
  /** Like `/device:GPU:1`. */
  device?: string | undefined;
  /** Name of the cluster that XLA may compile them in (cluster.ts). */
  cluster?: string | undefined;
}

/** A graph that grows node by node. Outputs are named `node` (the first) or `node:1`, control dependencies `^node`. */
export interface Graph {
  /** Adds a node and returns its name, `op_N` when none is given. */
  add(
    op: string,
    inputs: readonly string[],
    attributes?: Readonly<Record<string, Attribute>>,
    name?: string,
  ): string;
  /** Adds a Const of `values`, little-endian as in memory. */
  constant(type: DataTypeName, shape: readonly number[], values: ArrayBufferView): string;
  define(definition: GraphFunction): void;
  /** The nodes so far, in the order in which they were added. */
  readonly nodes: readonly Node[];
  /** Calls `add`. The nodes that it adds get this place. */
  at<T>(place: Place, add: () => T): T;
  /** Adds an attribute to a node. */
  annotate(node: Node, name: string, value: Attribute): void;
  /** The graph as saved_model.pb. */
  encode(signatures?: Readonly<Record<string, Signature>>): Uint8Array;
}

/** Inputs and outputs of a SavedModel, by the names that callers use. */
interface Signature {
  inputs: Readonly<Record<string, Endpoint>>;
  outputs: Readonly<Record<string, Endpoint>>;
}

interface Endpoint {
  /** `node:0` */
  output: string;
  type: DataTypeName;
  /** -1 for any length. */
  shape: readonly number[];
}

export function createGraph(): Graph {
  const nodes: Node[] = [];
  const functions: GraphFunction[] = [];
  let current: Place = {};
  const add: Graph['add'] = (op, input, attr = {}, name = `${op}_${nodes.length}`) => {
    nodes.push({ name, op, input, attr, ...current });
    return name;
  };
  return {
    add,
    constant: (type, shape, values) => {
      return add('Const', [], constantOf(type, shape, values));
    },
    define: (definition) => void functions.push(definition),
    nodes,
    at: (place, addAll) => {
      const outer = current;
      current = place;
      try {
        return addAll();
      } finally {
        current = outer;
      }
    },
    annotate: (node, name, value) => {
      nodes[nodes.indexOf(node)] = { ...node, attr: { ...node.attr, [name]: value } };
    },
    encode: (signatures = {}) => {
      const library = { function: functions.map(encodeFunction) };
      const graphDef = { node: nodes, library, versions: { producer: PRODUCER } };
      return SAVED_MODEL.encode({
        savedModelSchemaVersion: 1,
        metaGraphs: [
          {
            metaInfoDef: { tags: [TAG] },
            graphDef,
            signatureDef: mapValues(signatures, ({ inputs, outputs }) => ({
              inputs: mapValues(inputs, encodeEndpoint),
              outputs: mapValues(outputs, encodeEndpoint),
              methodName: PREDICT_METHOD,
            })),
          },
        ],
      }).finish();
    },
  };
}

/** Attributes of a Const. Each string is an array of bytes. */
export function constantOf(
  type: DataTypeName,
  shape: readonly number[],
  values: ArrayBufferView | readonly Uint8Array[],
): Record<string, Attribute> {
  return { dtype: { type: DATA_TYPES[type] }, value: { tensor: tensorOf(type, shape, values) } };
}

function encodeFunction({ name, arguments: given, results, nodes }: GraphFunction) {
  const signature = {
    name,
    inputArg: given,
    outputArg: results.map(({ name, type }) => ({ name, type })),
  };
  return {
    signature,
    nodeDef: nodes,
    ret: Object.fromEntries(results.map(({ name, from }) => [name, from])),
  };
}

function encodeEndpoint({ output, type, shape }: Endpoint) {
  return { name: output, dtype: DATA_TYPES[type], tensorShape: shapeOf(shape) };
}

function mapValues<T, U>(values: Readonly<Record<string, T>>, change: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]));
}

/** Tag by which the graph is loaded. */
export const TAG = 'serve';

/** Method name that TensorFlow Serving requires for a signature that any client may call. */
const PREDICT_METHOD = 'tensorflow/serving/predict';

/** GraphDef version of TensorFlow 2.9, for which the addon was written; later versions read it too. */
const PRODUCER = 1087;

const repeated = (type: string, id: number, packed?: boolean): protobuf.IField & { rule: string } => ({
  rule: 'repeated',
  type,
  id,
  ...(packed && { options: { packed } }),
});

const mapOf = (type: string, id: number): protobuf.IMapField => ({ keyType: 'string', type, id });

const SAVED_MODEL = protobuf.Root.fromJSON({
  nested: {
    SavedModel: {
      fields: { savedModelSchemaVersion: { type: 'int64', id: 1 }, metaGraphs: repeated('MetaGraphDef', 2) },
    },
    MetaGraphDef: {
      fields: {
        metaInfoDef: { type: 'MetaInfoDef', id: 1 },
        graphDef: { type: 'GraphDef', id: 2 },
        signatureDef: mapOf('SignatureDef', 5),
      },
    },
    SignatureDef: {
      fields: {
        inputs: mapOf('TensorInfo', 1),
        outputs: mapOf('TensorInfo', 2),
        methodName: { type: 'string', id: 3 },
      },
    },
    TensorInfo: {
      fields: {
        name: { type: 'string', id: 1 },
        dtype: { type: 'int32', id: 2 },
        tensorShape: { type: 'TensorShapeProto', id: 3 },
      },
    },
    MetaInfoDef: { fields: { tags: repeated('string', 4) } },
    GraphDef: {
      fields: {
        node: repeated('NodeDef', 1),
        library: { type: 'FunctionDefLibrary', id: 2 },
        versions: { type: 'VersionDef', id: 4 },
      },
    },
    FunctionDefLibrary: { fields: { function: repeated('FunctionDef', 1) } },
    FunctionDef: {
      fields: {
        signature: { type: 'OpDef', id: 1 },
        nodeDef: repeated('NodeDef', 3),
        ret: mapOf('string', 4),
      },
    },
    OpDef: {
      fields: {
        name: { type: 'string', id: 1 },
        inputArg: repeated('ArgDef', 2),
        outputArg: repeated('ArgDef', 3),
      },
    },
    ArgDef: { fields: { name: { type: 'string', id: 1 }, type: { type: 'int32', id: 3 } } },
    VersionDef: { fields: { producer: { type: 'int32', id: 1 } } },
    NodeDef: {
      fields: {
        name: { type: 'string', id: 1 },
        op: { type: 'string', id: 2 },
        input: repeated('string', 3),
        device: { type: 'string', id: 4 },
        attr: mapOf('AttrValue', 5),
      },
    },
    AttrValue: {
      oneofs: { value: { oneof: ['list', 's', 'i', 'f', 'b', 'type', 'shape', 'tensor', 'func'] } },
      fields: {
        list: { type: 'ListValue', id: 1 },
        s: { type: 'bytes', id: 2 },
        i: { type: 'int64', id: 3 },
        f: { type: 'float', id: 4 },
        b: { type: 'bool', id: 5 },
        type: { type: 'int32', id: 6 },
        shape: { type: 'TensorShapeProto', id: 7 },
        tensor: { type: 'TensorProto', id: 8 },
        func: { type: 'NameAttrList', id: 10 },
      },
    },
    NameAttrList: { fields: { name: { type: 'string', id: 1 } } },
    ListValue: {
      fields: {
        s: repeated('bytes', 2),
        i: repeated('int64', 3, true),
        f: repeated('float', 4, true),
        type: repeated('int32', 6, true),
        shape: repeated('TensorShapeProto', 7),
      },
    },
    ...TENSOR_MESSAGES,
  },
}).lookupType('SavedModel');
