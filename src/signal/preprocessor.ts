import { type Psd, SAMPLE_SIZE, type Strain } from '../core/strain.ts';
import { requirePsd } from './check.ts';
import { chooseEngine } from './engines/choose-engine.ts';
import type { BlockPreprocessor, Engine } from './engines/signal-engine.ts';

export interface Preprocessor {
  readonly engine: Engine['name'];
  /**
   * Band-passes, whitens, windows and normalizes one sample.
   *
   * @param strain (3, 4096), left as it is.
   * @param out (3, 4096), C order: mean 0 and standard deviation 1 per detector. Left as it is when the sample can't
   *   be used.
   * @returns undefined, or why the sample must be left out; see BlockPreprocessor.process.
   */
  process(strain: Strain, out: Float32Array): string | undefined;
  /** Where the strain of a block's samples is best put, as many as a block may have; see BlockPreprocessor.inputs. */
  readonly inputs: BlockPreprocessor['inputs'];
  /** Several samples at once, the fast way; see BlockPreprocessor.process. */
  processBlock: BlockPreprocessor['process'];
}

/**
 * The signal path from strain to network input. A preprocessor allocates its buffers once
 * and none per sample; one sample's output doesn't depend on those before or beside it.
 *
 * @param psd (3, 2049), as averagePsd makes it.
 * @throws InputError when the PSD has another length or a value that is negative, NaN or Inf.
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
