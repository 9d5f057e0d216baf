import type { Tensor, TensorInfo } from '@tensorflow/tfjs-node-gpu';
import type { NodeJSKernelBackend } from '@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend.js';
import { nodeBackend, type TF } from './bind.ts';
import { type Attribute, DATA_TYPES, type DataTypeName, type Graph, shapeOf } from './graph.ts';
import { LOW_OPS, type LowType } from './precision.ts';

type OpAttribute = Parameters<NodeJSKernelBackend['executeSingleOutput']>[1][number];
type DataId = Tensor['dataId'];

/** Size of the largest constant in a graph [values]. A larger one is data that should have been fed. */
const CONSTANT_LIMIT = 16384;

/** Where the values of a tensor are in the graph. */
interface Known {
  /** Type that the graph computed them in. */
  type: DataTypeName;
  shape: readonly number[];
  /** The outputs that hold them, by type. */
  outputs: Map<DataTypeName, string>;
  /** Adds the first output. */
  add?: () => string;
}

export interface Trace {
  /**
   * Registers a tensor as this output of the graph, or as the one that is added when the tensor is used first. Throws when its
   * data is already registered.
   */
  know(tensor: TensorInfo, output: string | (() => string)): void;
  /** The output of the graph that is this tensor, in its shape. An unknown tensor becomes a constant. */
  outputOf(tensor: TensorInfo): string;
  /** Runs `work` and adds each TensorFlow op that tfjs executes in it to the graph. */
  record<T>(work: () => T): T;
  /**
   * Runs `work` as a part of the recorded work that shares only constants with the rest: it must `know` what it uses, and
   * nothing outside knows its tensors.
   */
  isolate<T>(work: () => T): T;
}

export interface TraceOptions {
  /** The type of mixed precision. */
  low?: LowType | undefined;
  /**
   * Whether XLA fuses the ops. Then only convolutions compute in 16 bits: the ops between them cost nothing in float32, since
   * their intermediate results stay in registers.
   */
  fused?: boolean;
}

/**
 * Records the ops that tfjs executes on TensorFlow as nodes of `graph`. Every op passes through two methods of the tfjs
 * backend, which are replaced during recording.
 *
 * Tensors are identified by their data, which is all that ops see. tfjs reshapes without an op, so a tensor whose shape
 * differs from that of its data gets a Reshape node. The graph can't contain computation in JavaScript: values can't be
 * read during recording, and random numbers must come from TensorFlow.
 *
 * In mixed precision the graph computes some ops in 16 bits (precision.ts). tfjs doesn't know this and uses float32.
 */
export function createTrace(tf: TF, graph: Graph, { low: lowType, fused = false }: TraceOptions = {}): Trace {
  const backend = nodeBackend(tf);
  let known = new Map<DataId, Known>();
  /** What isn't a constant, in all parts. */
  const computed = new WeakSet<DataId>();

  function know(tensor: TensorInfo, output: string | (() => string), type = dataType(tensor)): void {
    register(tensor, output, type);
    computed.add(tensor.dataId);
  }

  function register(tensor: TensorInfo, output: string | (() => string), type: DataTypeName): void {
    const { dataId, shape } = tensor;
    const other = known.get(dataId);
    if (other) throw new Error(`${output} shares its data with ${other.outputs.get(other.type)}`);
    const later = typeof output === 'function';
    known.set(dataId, {
      type,
      shape,
      outputs: later ? new Map() : new Map([[type, output]]),
      ...(later && { add: output }),
    });
  }

  function outputOf(tensor: TensorInfo, type = dataType(tensor)): string {
    if (!known.has(tensor.dataId)) {
      if (computed.has(tensor.dataId))
        throw new Error('a tensor of another part of a recorded graph was used');
      register(tensor, addConstant(tensor), dataType(tensor));
    }
    const { shape, outputs, add, type: own } = known.get(tensor.dataId)!;
    if (add !== undefined && outputs.size === 0) outputs.set(own, add());
    const output = outputs.get(type) ?? addCast(outputs.get(own)!, own, type);
    outputs.set(type, output);
    if (shape.join() === tensor.shape.join()) return output;
    const target = graph.constant('int32', [tensor.shape.length], Int32Array.from(tensor.shape));
    return graph.add('Reshape', [output, target], {
      T: { type: DATA_TYPES[type] },
      Tshape: { type: DATA_TYPES.int32 },
    });
  }

  function addCast(output: string, from: DataTypeName, to: DataTypeName): string {
    return graph.add('Cast', [output], { SrcT: { type: DATA_TYPES[from] }, DstT: { type: DATA_TYPES[to] } });
  }

  function addConstant(tensor: TensorInfo): string {
    const type = dataType(tensor);
    const values = toArray(type, readValues.call(backend, tensor.dataId));
    if (values.length <= CONSTANT_LIMIT) return graph.constant(type, tensor.shape, values);
    const first = values.subarray(0, 1);
    if (values.some((value) => value !== first[0])) {
      throw new Error(
        `a constant of ${values.length} values (${tensor.shape.join(' x ')}) in a recorded graph: feed it as an input`,
      );
    }
    const shape = graph.constant('int32', [tensor.shape.length], Int32Array.from(tensor.shape));
    return graph.add('Fill', [shape, graph.constant(type, [], first)], {
      T: { type: DATA_TYPES[type] },
      index_type: { type: DATA_TYPES.int32 },
    });
  }

  const { readSync: readValues, executeSingleOutput, executeMultipleOutputs } = backend;

  /** The op's entry in LOW_OPS if it has to compute in 16 bits. float16 has too small a range for all but convolutions. */
  function lowOpFor(op: string, attributes: readonly OpAttribute[], inputs: readonly TensorInfo[]) {
    const entry = lowType && LOW_OPS.get(op);
    const low = (fused || lowType === 'float16') && !entry?.always ? undefined : entry;
    const type = attributes.find(({ name }) => name === 'T')?.value;
    if (low === undefined || type !== backend.binding.TF_FLOAT) return undefined;
    const taken = low.inputs?.map((i) => inputs[i]!) ?? inputs;
    const isLow = ({ dataId }: TensorInfo) => known.get(dataId)?.type === lowType;
    return low.always || taken.some(isLow) ? { ...low, type: lowType!, taken } : undefined;
  }

  /** Executes the op and adds it to the graph. */
  function record<T extends Tensor | Tensor[]>(
    op: string,
    attributes: OpAttribute[],
    inputs: TensorInfo[],
    execute: () => T,
  ): T {
    const low = lowOpFor(op, attributes, inputs);
    const sources = inputs.map((input) =>
      low?.taken.includes(input) ? outputOf(input, low.type) : outputOf(input),
    );
    const result = execute();
    const types = low && { T: { type: DATA_TYPES[low.type] } };
    const node = graph.add(op, sources, { ...translate(backend, attributes), ...types });
    for (const [i, tensor] of [result].flat().entries()) {
      if (i > 0 || low === undefined || tensor.dtype !== 'float32')
        know(tensor, i === 0 ? node : `${node}:${i}`);
      else if (low.output === 'low') know(tensor, node, low.type);
      else know(tensor, addCast(node, low.type, 'float32'));
    }
    return result;
  }

  return {
    know,
    outputOf,
    isolate: (work) => {
      const outer = known;
      known = new Map();
      try {
        return work();
      } finally {
        known = outer;
      }
    },
    record: (work) => {
      // Set on the object, where they shadow the methods of its class.
      const methods: Partial<NodeJSKernelBackend> = {
        executeSingleOutput(op, attributes, inputs) {
          return record(op, attributes, inputs, () =>
            executeSingleOutput.call(backend, op, attributes, inputs),
          );
        },
        executeMultipleOutputs(op, attributes, inputs, count) {
          return record(op, attributes, inputs, () =>
            executeMultipleOutputs.call(backend, op, attributes, inputs, count),
          );
        },
        readSync() {
          throw new Error('a value was read while a graph was recorded');
        },
      };
      Object.assign(backend, methods);
      try {
        return work();
      } finally {
        for (const name of Object.keys(methods)) Reflect.deleteProperty(backend, name);
      }
    },
  };
}

function dataType({ dtype }: TensorInfo): DataTypeName {
  if (dtype === 'float32' || dtype === 'int32' || dtype === 'bool' || dtype === 'complex64') return dtype;
  throw new Error(`unsupported type of a tensor in a recorded graph: ${dtype}`);
}

function toArray(type: DataTypeName, values: unknown): Float32Array | Int32Array | Uint8Array {
  const numbers = values as ArrayLike<number>;
  if (type === 'float32') return Float32Array.from(numbers);
  return type === 'bool' ? Uint8Array.from(numbers) : Int32Array.from(numbers);
}

function translate(
  { binding }: NodeJSKernelBackend,
  attributes: readonly OpAttribute[],
): Record<string, Attribute> {
  const one = ({ name, type, value }: OpAttribute): Attribute => {
    const list = Array.isArray(value);
    switch (type) {
      case binding.TF_ATTR_STRING:
        return { s: Buffer.from(value as string) };
      case binding.TF_ATTR_INT:
        return list ? { list: { i: value } } : { i: value as number };
      case binding.TF_ATTR_FLOAT:
        return list ? { list: { f: value } } : { f: value as number };
      case binding.TF_ATTR_BOOL:
        return { b: Boolean(value) };
      case binding.TF_ATTR_TYPE:
        return list ? { list: { type: value } } : { type: value as number };
      case binding.TF_ATTR_SHAPE:
        return { shape: shapeOf(value as number[]) };
      default:
        throw new Error(`unsupported kind of attribute ${name} in a recorded graph: ${type}`);
    }
  };
  return Object.fromEntries(attributes.map((attribute) => [attribute.name, one(attribute)]));
}
