import { DETECTORS, type Psd, SAMPLE_LENGTH, SAMPLE_SIZE, type Strain } from '../core/strain.ts';
import { createBandpass } from './bandpass.ts';
import { createPreprocessor } from './preprocessor.ts';
import { RECIPE } from './recipe.ts';
import { createWhitener } from './whiten.ts';
import { tukey } from './windows.ts';

/** One sample at each stage of the signal path, all of shape (3, 4096), for inspection. */
export interface SignalStages {
  /** Without the taper that whitening applies. */
  bandpassed: Float64Array;
  whitened: Float64Array;
  normalized: Float32Array;
}

/** The stages of one sample, or why it is rejected (see Preprocessor.process). */
export function traceStages(strain: Strain, psd: Psd): SignalStages | string {
  const normalized = new Float32Array(SAMPLE_SIZE);
  const fault = createPreprocessor(psd).process(strain, normalized);
  if (fault !== undefined) return fault;
  const plain = createBandpass(new Float64Array(SAMPLE_LENGTH).fill(1));
  const tapered = createBandpass(tukey(SAMPLE_LENGTH, RECIPE.whitening.taper));
  const whiten = createWhitener(psd);
  const bandpassed = new Float64Array(SAMPLE_SIZE);
  const whitened = new Float64Array(SAMPLE_SIZE);
  for (const detector of DETECTORS.keys()) {
    bandpassed.set(plain(strain, detector), detector * SAMPLE_LENGTH);
    whitened.set(whiten(tapered(strain, detector), detector), detector * SAMPLE_LENGTH);
  }
  return { bandpassed, whitened, normalized };
}
