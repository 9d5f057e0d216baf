import type { Psd, Strain } from '../../core/strain.ts';
import type { VectorLevel } from '../../native/load-native.ts';

/** How preprocessed numbers are rounded and stored. */
export type OutputType = 'float16' | 'float32';

/**
 * The arithmetic of the signal path on blocks of samples. Engines differ only in rounding: the JavaScript engine is
 * accurate to 1e-12 of the standard deviation before the output is rounded to its type, the vector engines to 1e-5,
 * and all vector engines agree to the last bit. A sample's result doesn't depend on the other samples of its block,
 * to the last bit.
 */
export interface Engine {
  readonly name: VectorLevel | 'webassembly' | 'javascript';
  /** The largest number of samples in a block. */
  readonly blockSize: number;
  /** @param psd (3, 2049), finite and not negative. */
  createPreprocessor(psd: Psd): BlockPreprocessor;
  createPsdEstimator(): BlockPsdEstimator;
}

export interface BlockPreprocessor {
  /**
   * The engine's own blockSize arrays (3, 4096), with STRAIN_MARGIN free bytes on either side. A sample at place i of
   * a block isn't copied if it is inputs[i].
   */
  readonly inputs: readonly Strain[];
  /**
   * Band-passes, whitens, windows and normalizes at most blockSize samples.
   *
   * @param block (3, 4096) each, not modified.
   * @returns for each sample the (3, 4096) result, mean 0 and standard deviation 1 per detector, as little-endian
   *   bytes in C order, which the next call overwrites; or why the sample is rejected: strainFault's reason, or an
   *   overflow (finite strain whose square isn't finite).
   */
  process(block: readonly Strain[], type: OutputType): (Uint8Array | string)[];
}

export interface BlockPsdEstimator {
  /** See BlockPreprocessor.inputs. */
  readonly inputs: readonly Strain[];
  /**
   * Adds |rfft(strain * taper)|^2 of at most blockSize samples (3, 4096), in order.
   *
   * @returns for each sample undefined, or why it is rejected: strainFault's reason, or that its power isn't finite.
   */
  add(block: readonly Strain[]): (string | undefined)[];
  /** The sum so far: (3, 2049), unscaled. The estimator's own array. */
  readonly sum: Psd;
  /** The number of samples in the sum. */
  readonly count: number;
}
