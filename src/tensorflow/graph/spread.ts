/** Divides a batch among several devices within one graph. */
import type { Tensor } from '@tensorflow/tfjs-node-gpu';
import type { TF } from './bind.ts';
import { addDecoder, type Input, isEncoded, tensorOf } from './encoded.ts';
import { DATA_TYPES, type DataTypeName, type Graph } from './graph.ts';
import type { Trace } from './trace.ts';

/**
 * Runs `work` on each device, with the device's share of `inputs` along their first axis. Returns its results by device.
 * `inputs` are inputs of the program. What work assigns to a variable is lost, unless it is a result.
 */
export type Spread = (
  inputs: readonly Tensor[],
  work: (shares: Tensor[], device: number) => Tensor[],
) => Tensor[][];

/** An input of the recorded work. */
export interface Fed {
  tensor: Tensor;
  input: Input;
  /** Its placeholder. */
  name: string;
}

export interface SpreadContext {
  graph: Graph;
  trace: Trace;
  devices: readonly string[];
  fed: readonly Fed[];
  /** Makes the variables known to the trace. */
  knowState(): void;
  /** Gives the variables the values that they had before the work. */
  restore(): void;
  /** Makes an output of a cluster, which is this tensor, available outside. */
  leave(output: string, tensor: Tensor): string;
}

/** Makes the inputs known to the trace. What is encoded is decoded where it is used first. */
export function knowInputs(graph: Graph, trace: Trace, inputs: readonly Fed[]): void {
  for (const { tensor, input, name } of inputs)
    trace.know(tensor, isEncoded(input) ? () => addDecoder(graph, name, input) : name);
}

const HOST = '/device:CPU:0';

/** Each device computes in a cluster of its own, from the variables and its share of the batch, which the host cuts out. */
export function createSpread(tf: TF, context: SpreadContext): Spread {
  const { graph, trace, devices, fed, knowState, restore, leave } = context;

  function share({ input, tensor, name }: Fed, start: number, end: number): Fed {
    const shape = [end - start, ...tensor.shape.slice(1)];
    return {
      name: graph.at({ device: HOST }, () => addRows(graph, name, tensorOf(input), start, end)),
      tensor: tf.zeros(shape, tensor.dtype),
      input: isEncoded(input) ? { ...input, shape } : input,
    };
  }

  return (inputs, work) => {
    const whole = inputs.map((input) => fed.find(({ tensor }) => tensor === input)!);
    const others = fed.filter((input) => !whole.includes(input));
    const bound = (d: number) => Math.floor((inputs[0]!.shape[0]! * d) / devices.length);
    const parts = devices.map((device, d) => {
      const shares = whole.map((input) => share(input, bound(d), bound(d + 1)));
      return trace.isolate(() => {
        const results = graph.at({ device, cluster: `part_${d}` }, () => {
          knowState();
          knowInputs(graph, trace, [...others, ...shares]);
          const tensors = work(
            shares.map(({ tensor }) => tensor),
            d,
          );
          // A clone keeps the value of a variable that is restored below.
          return tensors.map((tensor) => [tensor.clone(), trace.outputOf(tensor)] as const);
        });
        restore();
        return graph.at({ device }, () =>
          results.map(([tensor, output]) => [tensor, leave(output, tensor)] as const),
        );
      });
    });
    for (const [result, output] of parts.flat()) trace.know(result, output);
    return parts.map((results) => results.map(([result]) => result));
  };
}

/** Adds a slice of a tensor along its first axis. */
function addRows(graph: Graph, name: string, { dtype, shape }: Tensor, start: number, end: number): string {
  const index = (first: number, others: number[]) =>
    graph.constant('int32', [shape.length], Int32Array.of(first, ...others));
  const others = shape.slice(1);
  const from = index(
    start,
    others.map(() => 0),
  );
  return graph.add('Slice', [name, from, index(end - start, others)], {
    T: { type: DATA_TYPES[dtype as DataTypeName] },
    Index: { type: DATA_TYPES.int32 },
  });
}
