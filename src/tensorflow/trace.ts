import type { Tensor, TensorInfo } from '@tensorflow/tfjs-node-gpu';
import type { NodeJSKernelBackend } from '@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend.js';
import { nodeBackend, type TF } from './bind.ts';
import { type Attribute, DATA_TYPES, type DataTypeName, type Graph, shapeOf } from './graph.ts';

type OpAttribute = Parameters<NodeJSKernelBackend['executeSingleOutput']>[1][number];
type DataId = Tensor['dataId'];

/** Largest constant that is taken into a graph [values]: more is data that should have been fed. */
const CONSTANT_LIMIT = 16384;

export interface Trace {
  /** Says that a tensor is this output of the graph. Throws when its values are known there already. */
  know(tensor: TensorInfo, output: string): void;
  /** The output that a tensor is, with its shape; a constant when the graph doesn't know it. */
  outputOf(tensor: TensorInfo): string;
  /** Runs `work`, and adds each TensorFlow op that tfjs executes meanwhile to the graph. */
  record<T>(work: () => T): T;
}

/**
 * A recorder of what tfjs does on TensorFlow, as nodes of `graph`.
 *
 * Tensors are told apart by their data, which is all that ops see of them: tfjs reshapes without an op, so that a tensor
 * whose shape differs from its data's gets a Reshape node. Whatever JavaScript does with values is lost on the graph,
 * therefore values can't be read while it is recorded; random numbers must be TensorFlow's.
 */
export function createTrace(tf: TF, graph: Graph): Trace {
  const backend = nodeBackend(tf);
  const known = new Map<DataId, { output: string; shape: readonly number[] }>();

  function know({ dataId, shape }: TensorInfo, output: string): void {
    if (known.has(dataId)) throw new Error(`${output} shares its data with ${known.get(dataId)!.output}`);
    known.set(dataId, { output, shape });
  }

  function outputOf(tensor: TensorInfo): string {
    if (!known.has(tensor.dataId)) know(tensor, addConstant(tensor));
    const { output, shape } = known.get(tensor.dataId)!;
    if (shape.join() === tensor.shape.join()) return output;
    const target = graph.constant('int32', [tensor.shape.length], Int32Array.from(tensor.shape));
    return graph.add('Reshape', [output, target], {
      T: { type: DATA_TYPES[dataType(tensor)] },
      Tshape: { type: DATA_TYPES.int32 },
    });
  }

  function addConstant(tensor: TensorInfo): string {
    const type = dataType(tensor);
    const values = toArray(type, readValues.call(backend, tensor.dataId));
    if (values.length <= CONSTANT_LIMIT) return graph.constant(type, tensor.shape, values);
    const first = values.subarray(0, 1);
    if (values.some((value) => value !== first[0])) {
      throw new Error(
        `a constant of ${values.length} values (${tensor.shape.join(' x ')}) in a recorded graph`,
      );
    }
    const shape = graph.constant('int32', [tensor.shape.length], Int32Array.from(tensor.shape));
    return graph.add('Fill', [shape, graph.constant(type, [], first)], {
      T: { type: DATA_TYPES[type] },
      index_type: { type: DATA_TYPES.int32 },
    });
  }

  const { readSync: readValues, executeSingleOutput, executeMultipleOutputs } = backend;

  function addNode(op: string, attributes: OpAttribute[], inputs: string[], outputs: Tensor[]): void {
    const node = graph.add(op, inputs, translate(backend, attributes));
    for (const [i, tensor] of outputs.entries()) know(tensor, i === 0 ? node : `${node}:${i}`);
  }

  return {
    know,
    outputOf,
    record: (work) => {
      // Set on the object, over the methods of its class.
      const methods: Partial<NodeJSKernelBackend> = {
        executeSingleOutput(op, attributes, inputs) {
          const sources = inputs.map(outputOf);
          const output = executeSingleOutput.call(backend, op, attributes, inputs);
          addNode(op, attributes, sources, [output]);
          return output;
        },
        executeMultipleOutputs(op, attributes, inputs, count) {
          const sources = inputs.map(outputOf);
          const outputs = executeMultipleOutputs.call(backend, op, attributes, inputs, count);
          addNode(op, attributes, sources, outputs);
          return outputs;
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
  if (dtype === 'float32' || dtype === 'int32' || dtype === 'bool') return dtype;
  throw new Error(`a tensor of ${dtype} in a recorded graph`);
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
        throw new Error(`attribute ${name} of kind ${type} in a recorded graph`);
    }
  };
  return Object.fromEntries(attributes.map((attribute) => [attribute.name, one(attribute)]));
}
