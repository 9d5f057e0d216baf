/**
 * The ops of a recorded graph that compute in bfloat16 in mixed precision. This follows TensorFlow's automatic mixed
 * precision (tensorflow/core/grappler/optimizers/auto_mixed_precision_lists.h) for the ops in use here. Convolutions always
 * use bfloat16. Ops that move values or work element by element use it if their input is already bfloat16. Everything else
 * stays float32: sums over many values, weights, statistics, loss and AdamW. bfloat16 has the range of float32, so the loss
 * needs no scaling.
 */

export type Precision = 'float32' | 'mixed';

export interface LowOp {
  /** Whether it computes in bfloat16 whatever the types of its inputs are. */
  always?: boolean;
  /** Indices of the inputs that are cast to bfloat16; default: all. */
  inputs?: readonly number[];
  /** Type of its first output. All others stay float32. */
  output: 'bfloat16' | 'float32';
}

const ALL_INPUTS: LowOp = { output: 'bfloat16' };
const FIRST_INPUT: LowOp = { inputs: [0], output: 'bfloat16' };
const COMPARISON: LowOp = { output: 'float32' };

export const LOW_OPS: ReadonlyMap<string, LowOp> = new Map(
  Object.entries<LowOp>({
    Conv2D: { always: true, ...ALL_INPUTS },
    Conv2DBackpropInput: { always: true, inputs: [1, 2], output: 'bfloat16' },
    Conv2DBackpropFilter: { always: true, inputs: [0, 2], output: 'float32' },
    // They sum their statistics in float32 anyway.
    FusedBatchNormV3: FIRST_INPUT,
    FusedBatchNormGradV3: { inputs: [0, 1], output: 'bfloat16' },
    Max: FIRST_INPUT,
    Min: FIRST_INPUT,
    Reshape: FIRST_INPUT,
    Slice: FIRST_INPUT,
    Maximum: ALL_INPUTS,
    Add: ALL_INPUTS,
    AddV2: ALL_INPUTS,
    Sub: ALL_INPUTS,
    Mul: ALL_INPUTS,
    RealDiv: ALL_INPUTS,
    SoftplusGrad: ALL_INPUTS,
    SelectV2: { inputs: [1, 2], output: 'bfloat16' },
    Equal: COMPARISON,
    GreaterEqual: COMPARISON,
  }),
);
