import type { Tensor, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-node-gpu';
import type { TF } from '../tensorflow/install/load.ts';
import { gather } from './operations.ts';

/** Blocks that the outputs of one block depend on: its own and two on either side. */
const TAPS = 5;

/**
 * Convolves a map [detectors, B, T, in] over time with a kernel [length, in, out], with zeros beyond both ends.
 *
 * Time is taken in blocks of a quarter of the kernel. An output block depends on five input blocks, so this is a convolution
 * of blocks by 5 taps, from size * in to size * out channels: large matrix products, as tensor cores need them, instead of a
 * long kernel on few channels. It takes a quarter more products, and nothing moves in memory. T is a multiple of the block's size.
 */
export function convolveBlocks(tf: TF, map: Tensor4D, given: Tensor3D): Tensor4D {
  const size = Math.ceil(given.shape[0] / (TAPS - 1));
  const kernel = lengthen(given, size * (TAPS - 1));
  const [, channels, filters] = kernel.shape;
  const [detectors, batch, times] = map.shape;
  if (times % size !== 0)
    throw new RangeError(`${times} time points don't fit blocks of ${size}, a quarter of the kernel`);
  const blocks = map.reshape<Tensor4D>([detectors, batch, times / size, size * channels]);
  return tf
    .conv2d(blocks, spreadKernel(tf, kernel, size), 1, 'same')
    .reshape([detectors, batch, times, filters]);
}

/**
 * Adds zeros at the ends of a kernel, so that its centre stays where it is: position floor((length - 1) / 2) is where padding
 * `same` aligns it.
 */
function lengthen(kernel: Tensor3D, length: number): Tensor3D {
  const missing = length - kernel.shape[0];
  if (missing === 0) return kernel;
  const before = Math.floor((length - 1) / 2) - Math.floor((kernel.shape[0] - 1) / 2);
  return kernel.pad([
    [before, missing - before],
    [0, 0],
    [0, 0],
  ]);
}

/** The kernel of the blocks: [length, in, out] -> [1, TAPS, size * in, size * out]. Differentiable. */
function spreadKernel(tf: TF, kernel: Tensor3D, size: number): Tensor4D {
  const [length, channels, filters] = kernel.shape;
  const numbers = channels * filters;
  const { taps, places } = placeTaps(length, size);
  const spread = tf.customGrad((...inputs) => {
    const [kernel] = inputs as unknown as [Tensor3D];
    const rows = tf.concat([kernel.reshape<Tensor2D>([length, numbers]), tf.zeros([1, numbers])], 0);
    return {
      value: gather(tf, rows, tf.tensor1d(taps, 'int32'))
        .reshape([TAPS, size, size, channels, filters])
        .transpose([0, 1, 3, 2, 4])
        .reshape([1, TAPS, size * channels, size * filters]),
      gradFunc: (dy: Tensor) => {
        const rows = dy
          .reshape([TAPS, size, channels, size, filters])
          .transpose([0, 1, 3, 2, 4])
          .reshape<Tensor2D>([TAPS * size * size, numbers]);
        return gather(tf, rows, tf.tensor1d(places, 'int32'))
          .reshape([length, size, numbers])
          .sum(1)
          .reshape(kernel.shape);
      },
    };
  });
  return spread(kernel) as Tensor4D;
}

/**
 * `taps`: the kernel's tap at [block, input time, output time], or `length` where there is none. `places`: the inverse, the
 * place in `taps` of [tap, output time].
 */
function placeTaps(length: number, size: number): { taps: Int32Array; places: Int32Array } {
  const left = Math.floor((length - 1) / 2);
  const taps = new Int32Array(TAPS * size * size).fill(length);
  const places = new Int32Array(length * size);
  for (let block = 0; block < TAPS; block++)
    for (let input = 0; input < size; input++)
      for (let output = 0; output < size; output++) {
        const tap = (block - (TAPS >> 1)) * size + input - output + left;
        if (tap < 0 || tap >= length) continue;
        const place = (block * size + input) * size + output;
        taps[place] = tap;
        places[tap * size + output] = place;
      }
  return { taps, places };
}
