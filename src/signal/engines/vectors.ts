/**
 * The signal path on vectors: a few samples at a time, one per lane. One driver serves two sets of kernels:
 * WebAssembly (../kernels/), four samples wide, runs everywhere; machine code (../native/), eight wide, needs AVX2 or
 * AVX-512 and is two or three times as fast. Both do the same operations in the same order, without fused
 * multiply-add, so they give the same bytes and different machines may share the chunks of one dataset.
 *
 * Numbers are float64 in the band-pass, whose poles crowd near z = 1, and in the PSD, whose bins span ten orders of
 * magnitude. They are float32 from the first FFT to the output, which is twice as fast and within 1e-5 of SciPy at
 * unit variance. A sample that float32 can't hold is computed by the JavaScript engine.
 */
import {
  DETECTORS,
  type Psd,
  SAMPLE_LENGTH,
  SAMPLE_RATE,
  SAMPLE_SIZE,
  SPECTRUM_LENGTH,
  STRAIN_MARGIN,
  type Strain,
} from '../../core/strain.ts';
import { designBandpass } from '../butterworth.ts';
import { deadDetector, strainFault } from '../check.ts';
import { RECIPE } from '../recipe.ts';
import { tukey } from '../windows.ts';
import { createJavaScriptEngine } from './javascript.ts';
import { createLayout, type KernelSet } from './kernel-api.ts';
import type { BlockPreprocessor, BlockPsdEstimator, Engine } from './signal-engine.ts';
import { orderBins, spreadOverPoints, tabulateTwiddles } from './transform-tables.ts';

const ROW_BYTES = SAMPLE_LENGTH * Float64Array.BYTES_PER_ELEMENT;
const SAMPLE_BYTES = SAMPLE_SIZE * Float64Array.BYTES_PER_ELEMENT;
const { padding } = RECIPE.bandpass;

/** An engine that runs on the given kernels. */
export function createVectorEngine(name: Engine['name'], set: KernelSet): Engine {
  const tables = { twiddles: tabulateTwiddles(), bins: orderBins() };
  return {
    name,
    blockSize: set.lanes,
    createPreprocessor: (psd) => createPreprocessor(set, tables, psd),
    createPsdEstimator: () => createPsdEstimator(set, tables),
  };
}

/** See transform-tables.ts. */
interface Tables {
  twiddles: Float64Array;
  bins: Uint16Array;
}

type Layout = ReturnType<typeof createLayout>;

function takeInputs(layout: Layout, count: number): number[] {
  return Array.from({ length: count }, () => layout.take(SAMPLE_BYTES + 2 * STRAIN_MARGIN) + STRAIN_MARGIN);
}

/**
 * Copies the samples of a block that aren't in the inputs yet, and returns for each sample why it is unusable, if it
 * is.
 */
function fill(inputs: readonly Strain[], block: readonly Strain[]): (string | undefined)[] {
  return block.map((strain, lane) => {
    const fault = deadDetector(strain);
    if (fault === undefined && strain !== inputs[lane]) inputs[lane]!.set(strain);
    return fault;
  });
}

function createPreprocessor({ lanes, instantiate }: KernelSet, tables: Tables, psd: Psd): BlockPreprocessor {
  /** Bytes of a point, which holds one number of each sample. */
  const point = lanes * 4;
  const widePoint = lanes * 8;
  const layout = createLayout();
  const strain = takeInputs(layout, lanes);
  const outputStride = SAMPLE_SIZE * Float32Array.BYTES_PER_ELEMENT;
  const output = layout.take(lanes * outputStride);
  const rows = layout.take(lanes * 4);
  // One more point at either end, which the band-pass overwrites.
  const widePoints = layout.take((SAMPLE_LENGTH + 2 * padding + 2) * widePoint) + widePoint;
  const points = layout.take((SAMPLE_LENGTH + padding + 1) * point);
  const coefficients = layout.take(8 * 8);
  const taper = layout.take(SAMPLE_LENGTH * 4);
  const window = layout.take(SAMPLE_LENGTH * 4);
  const factors = DETECTORS.map(() => layout.take(SAMPLE_LENGTH * 4));
  const twiddles = layout.take(tables.twiddles.length * 4);
  const sum = layout.take(widePoint);
  const moments = layout.take(3 * point);

  const { kernels, memory } = instantiate(layout.size);
  const write = (at: number, values: Float64Array) => new Float32Array(memory, at, values.length).set(values);
  const { order, low, high } = RECIPE.bandpass;
  const { gain, sections } = designBandpass(order, low, high, SAMPLE_RATE);
  new Float64Array(memory, coefficients, 8).set(sections.flatMap(({ a1, a2 }) => [a1, a2]));
  // The taper includes the band-pass gain of both directions.
  write(
    taper,
    tukey(SAMPLE_LENGTH, RECIPE.whitening.taper).map((value) => gain ** 2 * value),
  );
  write(window, tukey(SAMPLE_LENGTH, RECIPE.normalization.taper));
  write(twiddles, tables.twiddles);
  for (const [detector, at] of factors.entries()) write(at, tabulateFactors(tables.bins, psd, detector));

  const inputs = strain.map((at) => new Float64Array(memory, at, SAMPLE_SIZE));
  const rowTable = new Uint32Array(memory, rows, lanes);
  const takeOutputs = (bytes: number) =>
    strain.map((_, lane) => new Uint8Array(memory, output + lane * outputStride, SAMPLE_SIZE * bytes));
  const outputs = { float16: takeOutputs(2), float32: takeOutputs(4) };
  const deviations = new Float32Array(memory, moments + 2 * point, lanes);
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
        tabulateRows(rowTable, strain, last, detector);
        kernels.gatherExtended(rows, widePoints, SAMPLE_LENGTH, padding);
        kernels.bandpass(widePoints, SAMPLE_LENGTH, padding, coefficients, points);
        kernels.filterSpectrum(points, SAMPLE_LENGTH, taper, window, twiddles, factors[detector]!, sum);
        kernels.computeMoments(points, SAMPLE_LENGTH, sum, minimumDeviation, moments);
        store(points, SAMPLE_LENGTH, moments, output + detector * rowOutput, outputStride);
        for (const lane of block.keys()) finite[lane] &&= Number.isFinite(deviations[lane]);
      }
      return block.map((strain, lane) => {
        const fault = faults[lane];
        if (fault !== undefined) return fault;
        if (finite[lane]) return outputs[dtype][lane]!;
        // The strain has a NaN or Inf, or numbers that float32 can't hold.
        wide ??= createJavaScriptEngine().createPreprocessor(psd);
        const [result] = wide.process([strain], dtype);
        if (typeof result === 'string') return result;
        outputs[dtype][lane]!.set(result!);
        return outputs[dtype][lane]!;
      });
    },
  };
}

/** Sets the address of each lane's strain. If a block isn't full, its last sample fills the remaining lanes. */
function tabulateRows(table: Uint32Array, strain: readonly number[], last: number, detector: number): void {
  for (let lane = 0; lane < table.length; lane++) {
    table[lane] = strain[Math.min(lane, last)]! + detector * ROW_BYTES;
  }
}

/** The factors for a detector's spectrum: 1 / sqrt(psd + epsilon), times the scale of the transform. */
function tabulateFactors(bins: Uint16Array, psd: Psd, detector: number): Float64Array {
  const values = Float64Array.from(bins, (bin, place) => {
    const q = 1 / Math.sqrt(psd[detector * SPECTRUM_LENGTH + bin]! + RECIPE.whitening.epsilon);
    return ((place < 2 ? 1 : 2) / SAMPLE_LENGTH) * q;
  });
  return spreadOverPoints(values);
}

function createPsdEstimator({ lanes, wideLanes, instantiate }: KernelSet, tables: Tables): BlockPsdEstimator {
  const point = wideLanes * 8;
  const layout = createLayout();
  const strain = takeInputs(layout, lanes);
  const rows = layout.take(wideLanes * 4);
  const points = layout.take(SAMPLE_LENGTH * point);
  const taper = layout.take(ROW_BYTES);
  const twiddles = layout.take(tables.twiddles.byteLength);
  const power = DETECTORS.map(() => layout.take(SPECTRUM_LENGTH * point));
  const sums = DETECTORS.map(() => layout.take(SPECTRUM_LENGTH * 8));
  const total = layout.take(point);

  const { kernels, memory } = instantiate(layout.size);
  new Float64Array(memory, taper, SAMPLE_LENGTH).set(tukey(SAMPLE_LENGTH, RECIPE.psd.taper));
  new Float64Array(memory, twiddles, tables.twiddles.length).set(tables.twiddles);
  const inputs = strain.map((at) => new Float64Array(memory, at, SAMPLE_SIZE));
  const rowTable = new Uint32Array(memory, rows, wideLanes);
  const totals = new Float64Array(memory, total, wideLanes);
  const ordered = new Float64Array(DETECTORS.length * SPECTRUM_LENGTH);
  let count = 0;

  /**
   * Adds up to wideLanes samples of the block from `first` on, and puts their faults into `faults`, which is the
   * whole block's.
   */
  function addGroup(block: readonly Strain[], first: number, faults: (string | undefined)[]): void {
    const group = block.slice(first, first + wideLanes);
    const addresses = strain.slice(first);
    for (const detector of DETECTORS.keys()) {
      tabulateRows(rowTable, addresses, group.length - 1, detector);
      kernels.gather(rows, points, SAMPLE_LENGTH);
      kernels.computePower(points, SAMPLE_LENGTH, taper, twiddles, power[detector]!, total);
      for (const [lane, strain] of group.entries()) {
        if (Number.isFinite(totals[lane])) continue;
        faults[first + lane] ??=
          strainFault(strain) ?? `${DETECTORS[detector]} overflows in the PSD estimate`;
      }
    }
    let good = 0;
    for (const lane of group.keys()) {
      if (faults[first + lane] !== undefined) continue;
      good |= 1 << lane;
      count++;
    }
    for (const detector of DETECTORS.keys()) {
      kernels.accumulate(sums[detector]!, power[detector]!, SPECTRUM_LENGTH, good);
    }
  }

  return {
    inputs,
    add(block) {
      const faults = fill(inputs, block);
      for (let first = 0; first < block.length; first += wideLanes) addGroup(block, first, faults);
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
