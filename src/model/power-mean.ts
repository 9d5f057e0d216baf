import type { Tensor, Tensor1D, Tensor2D, Tensor3D } from '@tensorflow/tfjs-node-gpu';
import type { TF } from '../tensorflow/install/load.ts';
import { type Save, select } from './operations.ts';
import { POOLED_RANGE } from './presets.ts';

const [LEAST] = POOLED_RANGE;
/** A logarithm that only inputs above LEAST reach, however it is rounded. */
const FLOOR = Math.log(LEAST) + 1e-5;

/**
 * The generalized mean of each window, (mean x^p)^(1/p) of x raised to at least LEAST: [n, window, m] -> [n, m]. Differentiable
 * with respect to x and p.
 *
 * Most windows of a normalized map hold only small numbers, whose powers float32 can't tell from 0. So their logarithms are
 * computed, relative to the window's largest. `log` and `exp` are also float32 in mixed precision (tensorflow/graph/precision.ts).
 */
export function powerMean(tf: TF, x: Tensor3D, p: Tensor1D): Tensor2D {
  const [n, window, m] = x.shape;
  const each = (values: Tensor): Tensor => values.reshape([n, 1, m]);
  const pool = tf.customGrad((...inputs) => {
    const [x, p, save] = inputs as unknown as [Tensor3D, Tensor1D, Save];
    const log = x.maximum(LEAST).log();
    const highest = log.max(1);
    const logMean = log.sub(each(highest)).mul(p).exp().mean(1).log().div(p).add<Tensor2D>(highest);
    save([log, logMean, p]);
    return {
      value: logMean.exp(),
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [log, logMean, p] = saved as [Tensor3D, Tensor2D, Tensor1D];
        const relative = log.sub(each(logMean));
        // dy/dx = (x / y)^(p - 1) / window
        const dx = relative
          .mul(p.sub(1))
          .exp()
          .mul(each(dy.div(window)));
        // dy/dp = y / p * (sum of the shares of x^p in the sum, times log x, - log y)
        const dp = dx.mul(log.exp()).mul(relative).sum().div(p).reshape(p.shape);
        return [select<Tensor>(tf, log.greater(FLOOR), dx, tf.scalar(0)), dp];
      },
    };
  });
  return pool(x, p) as Tensor2D;
}
