import type { Psd, Strain } from '../../core/strain.ts';
import type { VectorLevel } from '../../native/load-native.ts';

/** How preprocessed numbers are rounded and stored. */
export type OutputType = 'float16' | 'float32';

/**
 * The arithmetic of the signal path on blocks of samples. All engines give the same numbers but for rounding: the JavaScript
 * engine's to 1e-12 of the deviation before the output is rounded to its type, the others' to 1e-5, and these to the last bit
 * alike. One sample's result doesn't depend, to the last bit, on the others of its block.
 */
export interface Engine {
  readonly name: VectorLevel | 'webassembly' | 'javascript';
  /** Samples of a block, at most. */
  readonly blockSize: number;
  /** @param psd (3, 2049), finite and not negative. */
  createPreprocessor(psd: Psd): BlockPreprocessor;
  createPsdEstimator(): BlockPsdEstimator;
}

export interface BlockPreprocessor {
  /**
   * blockSize arrays (3, 4096) of the engine's own, with STRAIN_MARGIN bytes on either side: what lies there already when a
   * block is processed, in its place of the block, needn't be copied.
   */
  readonly inputs: readonly Strain[];
  /**
   * Band-passes, whitens, windows and normalizes at most blockSize samples.
   *
   * @param block (3, 4096) each, left as they are.
   * @returns for each sample the (3, 4096) result, mean 0 and standard deviation 1 per detector, as little-endian bytes
   *   in C order, which the next call overwrites; or why the sample must be left out: strainFault's reason, or that
   *   the result isn't finite (finite strain so large that its square isn't).
   */
  process(block: readonly Strain[], type: OutputType): (Uint8Array | string)[];
}

export interface BlockPsdEstimator {
  /** As BlockPreprocessor.inputs. */
  readonly inputs: readonly Strain[];
  /**
   * Adds |rfft(strain * taper)|^2 of at most blockSize samples (3, 4096), in their order, or leaves one out and returns
   * why for it: strainFault's reason, or that its power isn't finite.
   */
  add(block: readonly Strain[]): (string | undefined)[];
  /** What was added: (3, 2049), unscaled. The estimator's own array. */
  readonly sum: Psd;
  /** Samples added. */
  readonly count: number;
}
