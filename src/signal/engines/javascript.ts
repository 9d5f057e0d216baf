/**
 * The signal path in plain JavaScript: the readable definition that the kernels are tested against, and the fallback
 * where WebAssembly or its vectors are missing.
 */
import { encodeFloat16 } from '../../core/float16.ts';
import {
  DETECTORS,
  type Psd,
  SAMPLE_LENGTH,
  SAMPLE_SIZE,
  SPECTRUM_LENGTH,
  STRAIN_MARGIN,
  type Strain,
} from '../../core/strain.ts';
import { createBandpass } from '../bandpass.ts';
import { deadDetector, nonFinitePoint } from '../check.ts';
import { createHalfTransform, HALF_LENGTH, TWIDDLES } from '../fft.ts';
import { normalize } from '../normalize.ts';
import { RECIPE } from '../recipe.ts';
import { createWhitener } from '../whiten.ts';
import { tukey } from '../windows.ts';
import type { BlockPreprocessor, BlockPsdEstimator, Engine, OutputType } from './signal-engine.ts';

/** Float64 up to the last step, one sample at a time. Allocates its buffers once, and nothing per sample. */
export function createJavaScriptEngine(): Engine {
  return {
    name: 'javascript',
    blockSize: 1,
    createPreprocessor: (psd) => createPath(psd, { check: deadDetector, finish: normalize }),
    createPsdEstimator,
  };
}

function createInputs(): Strain[] {
  const bytes = SAMPLE_SIZE * Float64Array.BYTES_PER_ELEMENT;
  return [new Float64Array(new ArrayBuffer(bytes + 2 * STRAIN_MARGIN), STRAIN_MARGIN, SAMPLE_SIZE)];
}

/** What differs between the paths of samples and of signals without noise. */
export interface PathEnds {
  /** Why a sample is rejected, from a quick look at its strain. */
  check(strain: Strain): string | undefined;
  /** Like normalize: applies the second taper to one detector and writes it to `out`. */
  finish: typeof normalize;
}

/** Band-passes, whitens and finishes one detector after another. */
export function createPath(psd: Psd, { check, finish }: PathEnds): BlockPreprocessor {
  const bandpass = createBandpass(tukey(SAMPLE_LENGTH, RECIPE.whitening.taper));
  const whiten = createWhitener(psd);
  const taper = tukey(SAMPLE_LENGTH, RECIPE.normalization.taper);
  const out = new Float32Array(SAMPLE_SIZE);
  const halves = new Uint8Array(SAMPLE_SIZE * 2);

  function processOne(strain: Strain): string | undefined {
    const fault = check(strain);
    if (fault !== undefined) return fault;
    for (let detector = 0; detector < DETECTORS.length; detector++) {
      const whitened = whiten(bandpass(strain, detector), detector);
      if (!finish(whitened, taper, out, detector * SAMPLE_LENGTH)) {
        // A NaN or Inf anywhere in the strain makes the whole detector NaN, so no check is needed before.
        return nonFinitePoint(strain) ?? `${DETECTORS[detector]} overflows in preprocessing`;
      }
    }
    return undefined;
  }

  function store(type: OutputType): Uint8Array {
    if (type === 'float32') return new Uint8Array(out.buffer);
    encodeFloat16(out, halves, 0);
    return halves;
  }

  return {
    inputs: createInputs(),
    process: (block, type) => block.map((strain) => processOne(strain) ?? store(type)),
  };
}

function createPsdEstimator(): BlockPsdEstimator {
  const taper = tukey(SAMPLE_LENGTH, RECIPE.psd.taper);
  const transform = createHalfTransform();
  const tapered = new Float64Array(SAMPLE_LENGTH);
  const spectrum = new Float64Array(SAMPLE_LENGTH);
  const power = new Float64Array(DETECTORS.length * SPECTRUM_LENGTH);
  const sum = new Float64Array(power.length);
  let count = 0;

  function addOne(strain: Strain): string | undefined {
    const dead = deadDetector(strain);
    if (dead !== undefined) return dead;
    for (let detector = 0; detector < DETECTORS.length; detector++) {
      const from = detector * SAMPLE_LENGTH;
      for (let i = 0; i < tapered.length; i++) tapered[i] = strain[from + i]! * taper[i]!;
      transform(spectrum, tapered);
      // A NaN or Inf anywhere in the strain makes the whole spectrum NaN, so no check is needed before.
      if (!computePower(spectrum, power, detector * SPECTRUM_LENGTH)) {
        return nonFinitePoint(strain) ?? `${DETECTORS[detector]} overflows in the PSD estimate`;
      }
    }
    for (let i = 0; i < sum.length; i++) sum[i]! += power[i]!;
    count++;
    return undefined;
  }

  return {
    inputs: createInputs(),
    add: (block) => block.map(addOne),
    sum,
    get count() {
      return count;
    },
  };
}

/**
 * Writes |X|^2 to power[from ... from + 2048], where X is the spectrum of a half transform (see fft.ts).
 *
 * @returns whether all values and their sum are finite.
 */
function computePower(half: Float64Array, power: Psd, from: number): boolean {
  const { cosine, sine } = TWIDDLES;
  const zero = half[0]! + half[1]!;
  const nyquist = half[0]! - half[1]!;
  power[from] = zero * zero;
  power[from + HALF_LENGTH] = nyquist * nyquist;
  let total = power[from]! + power[from + HALF_LENGTH]!;
  for (let k = 1, i = 2, j = half.length - 2; i <= j; k++, i += 2, j -= 2) {
    const er = (half[i]! + half[j]!) / 2;
    const ei = (half[i + 1]! - half[j + 1]!) / 2;
    const or = (half[i + 1]! + half[j + 1]!) / 2;
    const oi = (half[j]! - half[i]!) / 2;
    const tr = cosine[k]! * or + sine[k]! * oi;
    const ti = cosine[k]! * oi - sine[k]! * or;
    const lower = (er + tr) * (er + tr) + (ei + ti) * (ei + ti);
    const upper = (er - tr) * (er - tr) + (ei - ti) * (ei - ti);
    // In the middle i = j: both are the same bin, and equal.
    power[from + k] = lower;
    power[from + HALF_LENGTH - k] = upper;
    total += lower + upper;
  }
  return Number.isFinite(total);
}
