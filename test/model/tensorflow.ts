import { loadTensorFlow } from '../../src/tensorflow/install/load.ts';
import { PATH_WITH_TENSORFLOW } from '../tensorflow/process.ts';

// The test environment's TensorFlow, unless another one is chosen.
process.env.PATH = PATH_WITH_TENSORFLOW;

/** scripts/gpu-check.sh runs some of the tests on a GPU. */
const device = process.env.DEVICE === 'gpu' ? 'gpu' : 'cpu';

export const tf = await loadTensorFlow({ device });

/** Largest |actual - expected|; NaN when one is NaN or the lengths differ. */
export function largestDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.NaN;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i]! - expected[i]!);
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}
