import { type Psd, SAMPLE_SIZE, type Strain } from '../core/strain.ts';
import { requirePsd } from './check.ts';
import { chooseEngine } from './engines/choose-engine.ts';
import type { BlockPreprocessor, Engine } from './engines/signal-engine.ts';

export interface Preprocessor {
  readonly engine: Engine['name'];
  /**
   * Band-passes, whitens, windows and normalizes one sample.
   *
   * @param strain (3, 4096), not modified.
   * @param out (3, 4096), C order: mean 0 and standard deviation 1 per detector. Not modified if the sample is
   *   rejected.
   * @returns undefined, or why the sample is rejected; see BlockPreprocessor.process.
   */
  process(strain: Strain, out: Float32Array): string | undefined;
  /**
   * The engine's own arrays, one for each sample of a full block. Strain that is written there needn't be copied; see
   * BlockPreprocessor.inputs.
   */
  readonly inputs: BlockPreprocessor['inputs'];
  /** Processes several samples at once, which is faster; see BlockPreprocessor.process. */
  processBlock: BlockPreprocessor['process'];
}

/**
 * The signal path from strain to network input. A preprocessor allocates its buffers once, and none per sample. A
 * sample's output doesn't depend on the samples before or beside it.
 *
 * @param psd (3, 2049), as averagePsd returns it.
 * @throws InputError when the PSD has the wrong length, or a value that is negative, NaN or Inf.
 */
export function createPreprocessor(psd: Psd, engine = chooseEngine()): Preprocessor {
  requirePsd(psd, 'avg_psd');
  const { inputs, process: processBlock } = engine.createPreprocessor(psd);
  return {
    engine: engine.name,
    inputs,
    processBlock,
    process(strain, out) {
      if (out.length !== SAMPLE_SIZE)
        throw new RangeError(`out has ${out.length} points, not ${SAMPLE_SIZE}`);
      const [result] = processBlock([strain], 'float32');
      if (typeof result === 'string') return result;
      new Uint8Array(out.buffer, out.byteOffset, out.byteLength).set(result!);
      return undefined;
    },
  };
}
