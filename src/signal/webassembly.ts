/** The signal path on WebAssembly's vectors: four samples at a time, one in each lane, two where it is float64. */
import {
  DETECTORS,
  type Psd,
  SAMPLE_LENGTH,
  SAMPLE_RATE,
  SAMPLE_SIZE,
  SPECTRUM_LENGTH,
  STRAIN_MARGIN,
  type Strain,
} from '../strain.ts';
import { designBandpass } from './butterworth.ts';
import { deadDetector, strainFault } from './check.ts';
import { orderBins, spreadOverPoints, tabulateTwiddles } from './divisions.ts';
import type { BlockPreprocessor, BlockPsdEstimator, Engine } from './engine.ts';
import { createJavaScriptEngine } from './javascript.ts';
import { createLayout, type KernelInstance } from './kernels.ts';
import { RECIPE } from './recipe.ts';
import { tukey } from './windows.ts';

/** Bytes of a point: a float32 in each of four lanes, or a float64 in each of two. */
const POINT = 16;
/** Bytes of what the band-pass works on at a time: a float64 of each of four samples. */
const STEP = 2 * POINT;
const ROW_BYTES = SAMPLE_LENGTH * Float64Array.BYTES_PER_ELEMENT;
const SAMPLE_BYTES = SAMPLE_SIZE * Float64Array.BYTES_PER_ELEMENT;
const LANES = [0, 1, 2, 3] as const;
/** Where the first sample of each pair of float64 lanes stands in a block. */
const PAIRS = [0, 2] as const;
const { padding } = RECIPE.bandpass;

type Instantiate = (bytes: number) => KernelInstance;

/** The engine of compiled kernels (compileKernels). */
export function createWebAssemblyEngine(instantiate: Instantiate): Engine {
  const tables = { twiddles: tabulateTwiddles(), bins: orderBins() };
  return {
    name: 'webassembly',
    blockSize: LANES.length,
    createPreprocessor: (psd) => createPreprocessor(instantiate, tables, psd),
    createPsdEstimator: () => createPsdEstimator(instantiate, tables),
  };
}

/** See divisions.ts. */
interface Tables {
  twiddles: Float64Array;
  bins: Uint16Array;
}

type Layout = ReturnType<typeof createLayout>;

function takeInputs(layout: Layout): number[] {
  return LANES.map(() => layout.take(SAMPLE_BYTES + 2 * STRAIN_MARGIN) + STRAIN_MARGIN);
}

/** Copies what of a block isn't in the inputs already to there and says which samples can't be used at all. */
function fill(inputs: readonly Strain[], block: readonly Strain[]): (string | undefined)[] {
  return block.map((strain, lane) => {
    const fault = deadDetector(strain);
    if (fault === undefined && strain !== inputs[lane]) inputs[lane]!.set(strain);
    return fault;
  });
}

function createPreprocessor(instantiate: Instantiate, tables: Tables, psd: Psd): BlockPreprocessor {
  const layout = createLayout();
  const strain = takeInputs(layout);
  const outputStride = SAMPLE_SIZE * Float32Array.BYTES_PER_ELEMENT;
  const output = layout.take(LANES.length * outputStride);
  // A step more at either end, which the band-pass wants for itself.
  const steps = layout.take((SAMPLE_LENGTH + 2 * padding + 2) * STEP) + STEP;
  const points = layout.take((SAMPLE_LENGTH + padding + 1) * POINT);
  const coefficients = layout.take(8 * 8);
  const taper = layout.take(SAMPLE_LENGTH * 4);
  const window = layout.take(SAMPLE_LENGTH * 4);
  const factors = DETECTORS.map(() => layout.take(SAMPLE_LENGTH * 4));
  const twiddles = layout.take(tables.twiddles.length * 4);
  const sum = layout.take(2 * POINT);
  const moments = layout.take(3 * POINT);

  const { kernels, memory } = instantiate(layout.size);
  const write = (at: number, values: Float64Array) => new Float32Array(memory, at, values.length).set(values);
  const { order, low, high } = RECIPE.bandpass;
  const { gain, sections } = designBandpass(order, low, high, SAMPLE_RATE);
  new Float64Array(memory, coefficients, 8).set(sections.flatMap(({ a1, a2 }) => [a1, a2]));
  // The gain of both directions.
  write(
    taper,
    tukey(SAMPLE_LENGTH, RECIPE.whitening.taper).map((value) => gain ** 2 * value),
  );
  write(window, tukey(SAMPLE_LENGTH, RECIPE.normalization.taper));
  write(twiddles, tables.twiddles);
  for (const [detector, at] of factors.entries()) write(at, tabulateFactors(tables.bins, psd, detector));

  const inputs = strain.map((at) => new Float64Array(memory, at, SAMPLE_SIZE));
  const outputs = {
    float16: LANES.map((lane) => new Uint8Array(memory, output + lane * outputStride, SAMPLE_SIZE * 2)),
    float32: LANES.map((lane) => new Uint8Array(memory, output + lane * outputStride, SAMPLE_SIZE * 4)),
  };
  const deviations = new Float32Array(memory, moments + 2 * POINT, LANES.length);
  const { minimumDeviation } = RECIPE.normalization;
  let wide: BlockPreprocessor | undefined;

  return {
    inputs,
    process(block, dtype) {
      if (block.length === 0) return [];
      const faults = fill(inputs, block);
      const last = block.length - 1;
      const finite = block.map(() => true);
      const store = dtype === 'float16' ? kernels.storeFloat16 : kernels.storeFloat32;
      const rowOutput = SAMPLE_LENGTH * (dtype === 'float16' ? 2 : 4);
      for (const detector of DETECTORS.keys()) {
        const row = detector * ROW_BYTES;
        for (const [pair, first] of PAIRS.entries()) {
          // The last one of a block that isn't full takes the lanes that are left.
          const one = strain[Math.min(first, last)]! + row;
          const other = strain[Math.min(first + 1, last)]! + row;
          kernels.gather(one, other, steps + pair * POINT, STEP, SAMPLE_LENGTH, padding);
        }
        kernels.bandpass(steps, SAMPLE_LENGTH, padding, coefficients, points);
        kernels.filterSpectrum(points, SAMPLE_LENGTH, taper, window, twiddles, factors[detector]!, sum);
        kernels.computeMoments(points, SAMPLE_LENGTH, sum, minimumDeviation, moments);
        store(points, SAMPLE_LENGTH, moments, output + detector * rowOutput, outputStride);
        for (const lane of block.keys()) finite[lane] &&= Number.isFinite(deviations[lane]);
      }
      return block.map((strain, lane) => {
        const fault = faults[lane];
        if (fault !== undefined) return fault;
        if (finite[lane]) return outputs[dtype][lane]!;
        // A NaN or Inf, or numbers that float32 can't hold.
        wide ??= createJavaScriptEngine().createPreprocessor(psd);
        const [result] = wide.process([strain], dtype);
        if (typeof result === 'string') return result;
        outputs[dtype][lane]!.set(result!);
        return outputs[dtype][lane]!;
      });
    },
  };
}

/** What the spectrum of a detector is multiplied by: 1 / sqrt(psd + epsilon), and the transform's scale. */
function tabulateFactors(bins: Uint16Array, psd: Psd, detector: number): Float64Array {
  const values = Float64Array.from(bins, (bin, place) => {
    const q = 1 / Math.sqrt(psd[detector * SPECTRUM_LENGTH + bin]! + RECIPE.whitening.epsilon);
    return ((place < 2 ? 1 : 2) / SAMPLE_LENGTH) * q;
  });
  return spreadOverPoints(values);
}

function createPsdEstimator(instantiate: Instantiate, tables: Tables): BlockPsdEstimator {
  const layout = createLayout();
  const strain = takeInputs(layout);
  const points = layout.take(SAMPLE_LENGTH * POINT);
  const taper = layout.take(ROW_BYTES);
  const twiddles = layout.take(tables.twiddles.byteLength);
  const power = DETECTORS.map(() => layout.take(SPECTRUM_LENGTH * POINT));
  const sums = DETECTORS.map(() => layout.take(SPECTRUM_LENGTH * 8));
  const total = layout.take(POINT);

  const { kernels, memory } = instantiate(layout.size);
  new Float64Array(memory, taper, SAMPLE_LENGTH).set(tukey(SAMPLE_LENGTH, RECIPE.psd.taper));
  new Float64Array(memory, twiddles, tables.twiddles.length).set(tables.twiddles);
  const inputs = strain.map((at) => new Float64Array(memory, at, SAMPLE_SIZE));
  const totals = new Float64Array(memory, total, 2);
  const ordered = new Float64Array(DETECTORS.length * SPECTRUM_LENGTH);
  let count = 0;

  /** Adds the samples of two lanes; `faults` are theirs. */
  function addPair(pair: readonly Strain[], first: number, faults: (string | undefined)[]): void {
    for (const detector of DETECTORS.keys()) {
      const row = detector * ROW_BYTES;
      const last = first + pair.length - 1;
      kernels.gather(strain[first]! + row, strain[last]! + row, points, POINT, SAMPLE_LENGTH, 0);
      kernels.computePower(points, SAMPLE_LENGTH, taper, twiddles, power[detector]!, total);
      for (const lane of pair.keys()) {
        if (Number.isFinite(totals[lane])) continue;
        faults[first + lane] ??=
          strainFault(pair[lane]!) ?? `${DETECTORS[detector]} overflows in the PSD estimate`;
      }
    }
    for (const lane of pair.keys()) {
      if (faults[first + lane] !== undefined) continue;
      count++;
      for (const detector of DETECTORS.keys()) {
        kernels.accumulate(sums[detector]!, power[detector]!, SPECTRUM_LENGTH, lane);
      }
    }
  }

  return {
    inputs,
    add(block) {
      const faults = fill(inputs, block);
      for (const first of PAIRS) {
        if (first < block.length) addPair(block.slice(first, first + 2), first, faults);
      }
      return faults;
    },
    get sum() {
      for (const [detector, at] of sums.entries()) {
        const values = new Float64Array(memory, at, SPECTRUM_LENGTH);
        for (let i = 0; i < SPECTRUM_LENGTH; i++)
          ordered[detector * SPECTRUM_LENGTH + tables.bins[i]!] = values[i]!;
      }
      return ordered;
    },
    get count() {
      return count;
    },
  };
}
