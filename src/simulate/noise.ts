import type { RandomStream } from '../core/random.ts';
import { DETECTORS, type Detector, SAMPLE_LENGTH } from '../core/strain.ts';
import type { NoiseCurve } from './noise-curves.ts';
import { createPairSynthesis, SEGMENT_LENGTH, SEGMENT_STEP } from './synthesis.ts';

/**
 * Start of the sample in the segment. The sample is in the middle, so that its two ends aren't neighbours in the
 * periodic segment.
 */
const FIRST = (SEGMENT_LENGTH - SAMPLE_LENGTH) / 2;

export interface NoiseSource {
  /** Fills `out`, shape (3, 4096), with stationary Gaussian noise of the curves. */
  fill(stream: RandomStream, out: Float64Array): void;
}

export function createNoiseSource(psd: NoiseCurve): NoiseSource {
  const synthesis = createPairSynthesis();
  const normals = new Float64Array(4);
  const [h1, l1, v1] = DETECTORS.map((detector) => coefficientDeviations(psd, detector)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  return {
    fill(stream, out) {
      for (let bin = 1; bin < SEGMENT_LENGTH / 2; bin++) {
        const a = h1[bin]!;
        const b = l1[bin]!;
        stream.normalPair(normals, 0);
        stream.normalPair(normals, 2);
        synthesis.set(bin, a * normals[0]!, a * normals[1]!, b * normals[2]!, b * normals[3]!);
      }
      synthesis.run(out, FIRST, 0, 1);
      for (let bin = 1; bin < SEGMENT_LENGTH / 2; bin++) {
        const a = v1[bin]!;
        stream.normalPair(normals, 0);
        synthesis.set(bin, a * normals[0]!, a * normals[1]!, 0, 0);
      }
      synthesis.run(out, FIRST, 2);
    },
  };
}

/**
 * Standard deviation of the real and of the imaginary part of each bin: a one-sided PSD S gives a segment of T seconds
 * Fourier coefficients of mean square S T / 2.
 */
function coefficientDeviations(psd: NoiseCurve, detector: Detector): Float64Array {
  const duration = 1 / SEGMENT_STEP;
  return Float64Array.from({ length: SEGMENT_LENGTH / 2 }, (_, bin) =>
    Math.sqrt((psd(detector, bin * SEGMENT_STEP) * duration) / 4),
  );
}
