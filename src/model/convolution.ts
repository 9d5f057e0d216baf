import type { Tensor, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-node-gpu';
import type { TF } from '../tensorflow/install/load.ts';
import { type FourierPlan, HOP, type Matrix, planConvolution } from './fourier.ts';
import { gather, type Save } from './operations.ts';
import { POOLING } from './presets.ts';

/** A convolution's output, split into the windows that are pooled next. */
export interface Convolved {
  /** The POOLING time points of each window along `axis`, channels last: [..., POOLING, ..., C]. */
  windows: Tensor3D;
  axis: 0 | 1;
  /** Turns one value per window [windows, C], in the windows' order, into a map. */
  arrange(pooled: Tensor2D): Tensor3D;
}

/**
 * A way to convolve over time, with zeros beyond both ends. A map has time along `timeAxis`, the batch along the
 * other one of the first two axes, and channels along the last.
 */
export interface Convolution {
  readonly timeAxis: 0 | 1;
  /** Convolves strain [B, T] with a kernel [length, 1, out]. Differentiable with respect to the kernel. */
  ofStrain(strain: Tensor2D, kernel: Tensor3D): Convolved;
  /** Convolves a map with a kernel [length, in, out]. */
  ofMap(map: Tensor3D, kernel: Tensor3D): Convolved;
}

/** Uses TensorFlow's own convolutions, which are best on GPUs and on CPUs with bfloat16 units. Maps are [B, T, C]. */
export function createDirectConvolution(tf: TF): Convolution {
  const ofMap = (map: Tensor3D, kernel: Tensor3D): Convolved => {
    const [batch, times, channels] = map.shape;
    const [length, , filters] = kernel.shape;
    const convolved = tf.conv2d(
      map.reshape<Tensor4D>([batch, 1, times, channels]),
      kernel.reshape<Tensor4D>([1, length, channels, filters]),
      1,
      'same',
    );
    return {
      windows: convolved.reshape([(batch * times) / POOLING, POOLING, filters]),
      axis: 1,
      arrange: (pooled) => pooled.reshape([batch, times / POOLING, filters]),
    };
  };
  return {
    timeAxis: 1,
    ofMap,
    ofStrain: (strain, kernel) => ofMap(strain.reshape([...strain.shape, 1]), kernel),
  };
}

/**
 * Uses products at evaluation points (fourier.ts). On a CPU they take a third of the time, and their gradients a
 * quarter, since oneDNN has no kernel of its own for the gradient of a long kernel. Maps are [T, B, C], which makes a
 * block of time points contiguous in memory.
 */
export function createFourierConvolution(tf: TF): Convolution {
  return {
    timeAxis: 0,
    ofStrain: (strain, kernel) => {
      const [batch, times] = strain.shape;
      const filters = kernel.shape[2];
      return {
        windows: convolveStrain(tf, strain, kernel).reshape([(batch * times) / POOLING, POOLING, filters]),
        axis: 1,
        arrange: (pooled) => pooled.reshape<Tensor3D>([batch, times / POOLING, filters]).transpose([1, 0, 2]),
      };
    },
    ofMap: (map, kernel) => {
      const [times, batch] = map.shape;
      const [length, , filters] = kernel.shape;
      const plan = planConvolution(times, length, POOLING);
      return {
        windows: convolveMap(tf, map, kernel, plan).reshape([POOLING, (batch * times) / POOLING, filters]),
        axis: 0,
        arrange: (pooled) =>
          pooled
            .reshape<Tensor3D>([HOP / POOLING, plan.blocks, batch * filters])
            .transpose([1, 0, 2])
            .reshape([times / POOLING, batch, filters]),
      };
    },
  };
}

/** [T, B, in] with [length, in, out] -> [HOP, blocks * B, out], the time points of a block in the plan's order. */
function convolveMap(tf: TF, map: Tensor3D, kernel: Tensor3D, plan: FourierPlan): Tensor3D {
  const [, batch, channels] = map.shape;
  const filters = kernel.shape[2];
  const convolve = tf.customGrad((...inputs) => {
    const [map, kernel, save] = inputs as unknown as [Tensor3D, Tensor3D, Save];
    const rows = map.reshape<Tensor2D>([-1, batch * channels]);
    const frames = gather(
      tf,
      tf.concat([rows, tf.zeros([1, batch * channels])], 0),
      tf.tensor1d(plan.frames, 'int32'),
    );
    const x = multiply(tf, plan.ofInput, frames).reshape<Tensor3D>([plan.points, -1, channels]);
    const w = multiply(tf, plan.ofKernel, kernel).reshape<Tensor3D>([plan.points, channels, filters]);
    save([x, w]);
    return {
      value: multiply(tf, plan.toOutput, tf.matMul(x, w)).reshape([HOP, -1, filters]),
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [x, w] = saved as [Tensor3D, Tensor3D];
        const products = multiply(tf, plan.toOutput, dy, true).reshape<Tensor3D>([plan.points, -1, filters]);
        const blocks = multiply(tf, plan.toInput, tf.matMul(products, w, false, true));
        const [first, second] = plan.places.map((places) =>
          gather(tf, blocks.reshape<Tensor2D>([-1, batch * channels]), tf.tensor1d(places, 'int32')),
        ) as [Tensor2D, Tensor2D];
        return [
          first.add(second).reshape(map.shape),
          multiply(tf, plan.ofKernel, tf.matMul(x, products, true), true).reshape(kernel.shape),
        ];
      },
    };
  });
  return convolve(map, kernel) as Tensor3D;
}

/** The matrix, or its transpose, times x, which is reshaped to the number of rows that this needs. */
function multiply(tf: TF, { shape, data }: Matrix, x: Tensor, transposed = false): Tensor2D {
  return tf.matMul(
    tf.tensor2d(data, shape),
    x.reshape<Tensor2D>([shape[transposed ? 0 : 1], -1]),
    transposed,
  );
}

/** Consecutive time points whose gradients share a row in the matrix product below. */
const STRIDE = 16;

/**
 * [B, T] with [length, 1, out] -> [B, 1, T, out], differentiable with respect to the kernel.
 *
 * The gradient is a matrix product of two things per STRIDE time points: the strain that their outputs depend on, and
 * the gradients of these outputs. A tap's gradient is the sum of STRIDE elements on a diagonal of the product.
 */
function convolveStrain(tf: TF, strain: Tensor2D, kernel: Tensor3D): Tensor4D {
  const [batch, times] = strain.shape;
  const [length, , filters] = kernel.shape;
  const strides = 1 + Math.ceil((length - 1) / STRIDE);
  const diagonals = Int32Array.from({ length: STRIDE * length }, (_, i) => {
    const [t, tap] = [Math.floor(i / length), i % length];
    return (t + tap) * STRIDE + t;
  });
  const convolve = tf.customGrad((...inputs) => {
    const [kernel, save] = inputs as unknown as [Tensor3D, Save];
    save([strain]);
    return {
      value: tf.conv2d(
        strain.reshape<Tensor4D>([batch, 1, times, 1]),
        kernel.reshape<Tensor4D>([1, length, 1, filters]),
        1,
        'same',
      ),
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [strain] = saved as [Tensor2D];
        const left = Math.floor((length - 1) / 2);
        const padded = strain
          .pad([
            [0, 0],
            [left, (strides - 1) * STRIDE - left],
          ])
          .reshape<Tensor3D>([batch, -1, STRIDE]);
        const shifted = Array.from({ length: strides }, (_, i) =>
          padded.slice([0, i, 0], [-1, times / STRIDE, -1]),
        );
        const sums = tf.matMul(
          tf.concat(shifted, 2).reshape<Tensor2D>([-1, strides * STRIDE]),
          dy.reshape<Tensor2D>([-1, STRIDE * filters]),
          true,
        );
        return [
          gather(tf, sums.reshape<Tensor2D>([-1, filters]), tf.tensor1d(diagonals, 'int32'))
            .reshape([STRIDE, length, filters])
            .sum(0)
            .reshape(kernel.shape),
        ];
      },
    };
  });
  return convolve(kernel) as Tensor4D;
}
