import { detectorResponses } from './detectors.ts';
import type { Source } from './source.ts';
import { createPairSynthesis, SEGMENT_LENGTH, SEGMENT_STEP } from './synthesis.ts';
import { createWaveform } from './waveform/waveform.ts';

/**
 * The wave fades in over this time [s] and is complete when the sample starts. The 4 s segment is periodic: the 2 s
 * before the sample follow its end. About 0.1 % of the wave's largest value wraps around to the end of the sample.
 */
const FADE_TIME = 1.2;
/** The wave fades out between these frequencies [Hz], below the Nyquist frequency. */
const CUT_START = 960;
const CUT_END = 1020;

export interface SignalSource {
  /** Fills `out`, shape (3, 4096), with the strain of a source at a distance of one megaparsec, without noise. */
  fill(source: Source, out: Float64Array): void;
}

export function createSignalSource(): SignalSource {
  const pair = createPairSynthesis();
  const single = createPairSynthesis();
  return {
    fill(source, out) {
      const waveform = createWaveform(source);
      const fadeStart = waveform.frequencyBefore(source.tc + FADE_TIME);
      const fadeEnd = waveform.frequencyBefore(source.tc);
      const [h1, l1, v1] = createViews(source);
      for (let bin = 1; bin < SEGMENT_LENGTH / 2; bin++) {
        const frequency = bin * SEGMENT_STEP;
        const fade = rise(frequency, fadeStart, fadeEnd) * (1 - rise(frequency, CUT_START, CUT_END));
        const amplitude = fade > 0 ? fade * waveform.amplitude(frequency) : 0;
        const phase = amplitude > 0 ? waveform.phase(frequency) : 0;
        const real = amplitude * Math.cos(phase);
        const imaginary = -amplitude * Math.sin(phase);
        advance(h1);
        advance(l1);
        advance(v1);
        pair.set(
          bin,
          real * h1.real - imaginary * h1.imaginary,
          real * h1.imaginary + imaginary * h1.real,
          real * l1.real - imaginary * l1.imaginary,
          real * l1.imaginary + imaginary * l1.real,
        );
        single.set(
          bin,
          real * v1.real - imaginary * v1.imaginary,
          real * v1.imaginary + imaginary * v1.real,
          0,
          0,
        );
      }
      pair.run(out, 0, 0, 1);
      single.run(out, 0, 2);
    },
  };
}

/** A detector's response to the face-on wave, bin by bin: a complex factor that rotates with frequency. */
interface View {
  real: number;
  imaginary: number;
  /** Factor from one bin to the next: exp(-2 pi i df t) for an arrival at t. */
  readonly stepReal: number;
  readonly stepImaginary: number;
}

/** The views of H1, L1 and V1 at zero frequency. */
function createViews(source: Source): [View, View, View] {
  const axis = Math.cos(source.inclination);
  const [turnReal, turnImaginary] = [Math.cos(2 * source.phase), Math.sin(2 * source.phase)];
  const views = detectorResponses(source).map(({ plus, cross, delay }): View => {
    // Relative to the face-on wave, h+ is (1 + cos^2) / 2 and hx is -i cos.
    const real = (plus * (1 + axis ** 2)) / 2;
    const imaginary = -cross * axis;
    const step = -2 * Math.PI * SEGMENT_STEP * (source.tc + delay);
    return {
      real: real * turnReal - imaginary * turnImaginary,
      imaginary: real * turnImaginary + imaginary * turnReal,
      stepReal: Math.cos(step),
      stepImaginary: Math.sin(step),
    };
  });
  return views as [View, View, View];
}

function advance(view: View): void {
  const real = view.real * view.stepReal - view.imaginary * view.stepImaginary;
  view.imaginary = view.real * view.stepImaginary + view.imaginary * view.stepReal;
  view.real = real;
}

/** Half a cosine period from 0 at `start` to 1 at `end`. */
function rise(x: number, start: number, end: number): number {
  const share = Math.min(Math.max((x - start) / (end - start), 0), 1);
  return (1 - Math.cos(Math.PI * share)) / 2;
}
