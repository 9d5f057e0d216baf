import type { Psd, Strain } from '../strain.ts';

/** How preprocessed numbers are rounded and stored. */
export type OutputType = 'float16' | 'float32';

/**
 * The arithmetic of the signal path on blocks of samples. All engines give the same numbers but for rounding: some
 * 1e-7 of the deviation in the output. One sample's result doesn't depend, to the last bit, on the others of its block.
 */
export interface Engine {
  readonly name: 'webassembly' | 'javascript';
  /** @param psd (3, 2049), finite and not negative. */
  createPreprocessor(psd: Psd): BlockPreprocessor;
  createPsdEstimator(): BlockPsdEstimator;
}

export interface BlockPreprocessor {
  /** The strain of a block's samples, (3, 4096) each, which the caller writes here. */
  readonly slots: readonly Strain[];
  /**
   * Band-passes, whitens, windows and normalizes the first `count` slots (1 ... slots.length).
   *
   * @returns for each slot the (3, 4096) result, mean 0 and standard deviation 1 per detector, as little-endian bytes
   *   in C order, which the next call overwrites; or why the sample must be left out: strainFault's reason, or that
   *   the result isn't finite (finite strain so large that its square isn't).
   */
  process(count: number, type: OutputType): (Uint8Array | string)[];
}

export interface BlockPsdEstimator {
  /** As BlockPreprocessor's. */
  readonly slots: readonly Strain[];
  /**
   * Adds |rfft(strain * taper)|^2 of the first `count` slots, in their order, or leaves one out and returns why for
   * it: strainFault's reason, or that its power isn't finite.
   */
  add(count: number): (string | undefined)[];
  /** What was added: (3, 2049), unscaled. The estimator's own array. */
  readonly sum: Psd;
  /** Samples added. */
  readonly count: number;
}
