/**
 * The ops of a recorded graph that compute in 16 bits in mixed precision. This follows TensorFlow's automatic mixed precision
 * (tensorflow/core/grappler/optimizers/auto_mixed_precision_lists.h) for the ops in use here. Convolutions always use 16 bits.
 * Ops that move values or work element by element use them if their input already does. Everything else stays float32: sums
 * over many values, weights, statistics, loss and AdamW.
 */

/**
 * The 16-bit type of mixed precision. bfloat16 has the range of float32. float16 is what tensor cores before Ampere have: its
 * smallest number is 6e-8, so the loss must be scaled (training/engine/loss-scale.ts).
 */
export type LowType = 'bfloat16' | 'float16';

export interface LowOp {
  /** Whether it computes in 16 bits whatever the types of its inputs are. */
  always?: boolean;
  /** Indices of the inputs that are cast to it; default: all. */
  inputs?: readonly number[];
  /** Type of its first output. All others stay float32. */
  output: 'low' | 'float32';
}

const ALL_INPUTS: LowOp = { output: 'low' };
const FIRST_INPUT: LowOp = { inputs: [0], output: 'low' };
const COMPARISON: LowOp = { output: 'float32' };

export const LOW_OPS: ReadonlyMap<string, LowOp> = new Map(
  Object.entries<LowOp>({
    Conv2D: { always: true, ...ALL_INPUTS },
    Conv2DBackpropInput: { always: true, inputs: [1, 2], output: 'low' },
    Conv2DBackpropFilter: { always: true, inputs: [0, 2], output: 'float32' },
    // They sum their statistics in float32 anyway.
    FusedBatchNormV3: FIRST_INPUT,
    FusedBatchNormGradV3: { inputs: [0, 1], output: 'low' },
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
    SelectV2: { inputs: [1, 2], output: 'low' },
    Equal: COMPARISON,
    GreaterEqual: COMPARISON,
  }),
);
