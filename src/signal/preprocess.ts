import { DETECTORS, type Psd, SAMPLE_LENGTH, SAMPLE_SIZE, type Strain } from '../strain.ts';
import { createBandpass } from './bandpass.ts';
import { deadDetector, requirePsd, strainFault } from './check.ts';
import { normalize } from './normalize.ts';
import { RECIPE } from './recipe.ts';
import { createWhitener } from './whiten.ts';
import { tukey } from './windows.ts';

export interface Preprocessor {
  /**
   * Band-passes, whitens, windows and normalizes one sample.
   *
   * @param strain (3, 4096), left as it is.
   * @param out (3, 4096), C order: mean 0 and standard deviation 1 per detector. Finite when undefined is returned,
   *   otherwise of no use.
   * @returns undefined, or why the sample must be left out: strainFault's reason, or that the result isn't finite
   *   (finite strain so large that its square isn't).
   */
  process(strain: Strain, out: Float32Array): string | undefined;
}

/**
 * The signal path from strain to network input, float64 up to the last step. A preprocessor allocates its buffers once
 * and nothing per sample; one sample's output doesn't depend on those before it.
 *
 * @param psd (3, 2049), as averagePsd makes it.
 * @throws InputError when the PSD has another length or a value that is negative, NaN or Inf.
 */
export function createPreprocessor(psd: Psd): Preprocessor {
  requirePsd(psd, 'avg_psd');
  const bandpass = createBandpass(tukey(SAMPLE_LENGTH, RECIPE.whitening.taper));
  const whiten = createWhitener(psd);
  const taper = tukey(SAMPLE_LENGTH, RECIPE.normalization.taper);
  return {
    process(strain, out) {
      if (out.length !== SAMPLE_SIZE)
        throw new RangeError(`out has ${out.length} points, not ${SAMPLE_SIZE}`);
      const dead = deadDetector(strain);
      if (dead !== undefined) return dead;
      for (let detector = 0; detector < DETECTORS.length; detector++) {
        const whitened = whiten(bandpass(strain, detector), detector);
        if (!normalize(whitened, taper, out, detector * SAMPLE_LENGTH)) {
          // A NaN or Inf anywhere in the strain makes the whole detector NaN, so it needn't be looked for before.
          return strainFault(strain) ?? `${DETECTORS[detector]} overflows in preprocessing`;
        }
      }
      return undefined;
    },
  };
}
