/**
 * Which ops of a recorded graph compute in bfloat16 in mixed precision, as TensorFlow's own automatic mixed precision does
 * (tensorflow/core/grappler/optimizers/auto_mixed_precision_lists.h), with the ops that are in use here: products always do,
 * and what only passes numbers on or acts on each alone does where its input is in bfloat16 already. All else, sums over
 * many numbers above all, stays float32. bfloat16 has float32's range, so that no loss needs scaling.
 */

export type Precision = 'float32' | 'mixed';

export interface LowOp {
  /** Whether it computes in bfloat16 whatever its inputs are in. */
  always?: boolean;
  /** Inputs that are taken in bfloat16, by their indices; default: all. */
  inputs?: readonly number[];
  /** Whether its first output is in bfloat16 then. Others never are. */
  output: 'bfloat16' | 'float32';
}

const EACH: LowOp = { output: 'bfloat16' };
const FIRST: LowOp = { inputs: [0], output: 'bfloat16' };
const COMPARED: LowOp = { output: 'float32' };

export const LOW_OPS: ReadonlyMap<string, LowOp> = new Map(
  Object.entries<LowOp>({
    Conv2D: { always: true, ...EACH },
    Conv2DBackpropInput: { always: true, inputs: [1, 2], output: 'bfloat16' },
    Conv2DBackpropFilter: { always: true, inputs: [0, 2], output: 'float32' },
    // Their statistics are summed in float32 all the same.
    FusedBatchNormV3: FIRST,
    FusedBatchNormGradV3: { inputs: [0, 1], output: 'bfloat16' },
    Max: FIRST,
    Min: FIRST,
    Reshape: FIRST,
    Slice: FIRST,
    Maximum: EACH,
    Add: EACH,
    AddV2: EACH,
    Sub: EACH,
    Mul: EACH,
    RealDiv: EACH,
    SoftplusGrad: EACH,
    SelectV2: { inputs: [1, 2], output: 'bfloat16' },
    Equal: COMPARED,
    GreaterEqual: COMPARED,
  }),
);
