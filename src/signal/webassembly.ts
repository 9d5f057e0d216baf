/** The signal path on WebAssembly's vectors: two samples at a time, one in each lane. */
import {
  DETECTORS,
  type Psd,
  SAMPLE_LENGTH,
  SAMPLE_RATE,
  SAMPLE_SIZE,
  SPECTRUM_LENGTH,
  type Strain,
} from '../strain.ts';
import { designBandpass } from './butterworth.ts';
import { deadDetector, strainFault } from './check.ts';
import { orderBins, spreadOverPoints, tabulateTwiddles } from './divisions.ts';
import type { BlockPreprocessor, BlockPsdEstimator, Engine } from './engine.ts';
import { createLayout, type KernelInstance } from './kernels.ts';
import { RECIPE } from './recipe.ts';
import { tukey } from './windows.ts';

/** Bytes of a point: one float64 in each lane. */
const POINT = 16;
const ROW_BYTES = SAMPLE_LENGTH * Float64Array.BYTES_PER_ELEMENT;
const SAMPLE_BYTES = SAMPLE_SIZE * Float64Array.BYTES_PER_ELEMENT;
const LANES = [0, 1] as const;
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

/** Copies a block into the lanes' memory and says which samples can't be used at all. */
function fill(lanes: readonly Strain[], block: readonly Strain[]): (string | undefined)[] {
  return block.map((strain, lane) => {
    const fault = deadDetector(strain);
    if (fault === undefined) lanes[lane]!.set(strain);
    return fault;
  });
}

function createPreprocessor(instantiate: Instantiate, tables: Tables, psd: Psd): BlockPreprocessor {
  const layout = createLayout();
  const strain = LANES.map(() => layout.take(SAMPLE_BYTES));
  const output = LANES.map(() => layout.take(SAMPLE_SIZE * Float32Array.BYTES_PER_ELEMENT));
  const points = layout.take((SAMPLE_LENGTH + 2 * padding) * POINT);
  const coefficients = layout.take(8 * 8);
  const taper = layout.take(ROW_BYTES);
  const window = layout.take(ROW_BYTES);
  const factors = DETECTORS.map(() => layout.take(ROW_BYTES));
  const twiddles = layout.take(tables.twiddles.byteLength);
  const sum = layout.take(POINT);
  const moments = layout.take(3 * POINT);

  const { kernels, memory } = instantiate(layout.size);
  const write = (at: number, values: Float64Array) => new Float64Array(memory, at, values.length).set(values);
  const { order, low, high } = RECIPE.bandpass;
  const { gain, sections } = designBandpass(order, low, high, SAMPLE_RATE);
  write(coefficients, Float64Array.from(sections.flatMap(({ a1, a2 }) => [a1, a2])));
  // The gain of both directions.
  write(
    taper,
    tukey(SAMPLE_LENGTH, RECIPE.whitening.taper).map((value) => gain ** 2 * value),
  );
  write(window, tukey(SAMPLE_LENGTH, RECIPE.normalization.taper));
  write(twiddles, tables.twiddles);
  for (const [detector, at] of factors.entries()) write(at, tabulateFactors(tables.bins, psd, detector));

  const lanes = strain.map((at) => new Float64Array(memory, at, SAMPLE_SIZE));
  const outputs = {
    float16: output.map((at) => new Uint8Array(memory, at, SAMPLE_SIZE * 2)),
    float32: output.map((at) => new Uint8Array(memory, at, SAMPLE_SIZE * 4)),
  };
  const deviations = new Float64Array(memory, moments + 2 * POINT, LANES.length);
  const body = points + padding * POINT;
  const { minimumDeviation } = RECIPE.normalization;

  return {
    process(block, dtype) {
      if (block.length === 0) return [];
      const faults = fill(lanes, block);
      const store = dtype === 'float16' ? kernels.storeFloat16 : kernels.storeFloat32;
      const rowOutput = SAMPLE_LENGTH * (dtype === 'float16' ? 2 : 4);
      for (const detector of DETECTORS.keys()) {
        const row = detector * ROW_BYTES;
        // A single sample takes both lanes.
        const second = strain[block.length - 1]! + row;
        kernels.gather(strain[0]! + row, second, points, SAMPLE_LENGTH, padding);
        kernels.bandpass(points, SAMPLE_LENGTH + 2 * padding, coefficients);
        kernels.filterSpectrum(body, SAMPLE_LENGTH, taper, window, twiddles, factors[detector]!, sum);
        kernels.computeMoments(body, SAMPLE_LENGTH, sum, minimumDeviation, moments);
        const [first, other] = output.map((at) => at + detector * rowOutput) as [number, number];
        store(body, SAMPLE_LENGTH, moments, first, other);
        for (const lane of faults.keys()) {
          // A NaN or Inf anywhere in the strain makes the whole detector NaN, so it needn't be looked for before.
          if (Number.isFinite(deviations[lane])) continue;
          faults[lane] ??= strainFault(block[lane]!) ?? `${DETECTORS[detector]} overflows in preprocessing`;
        }
      }
      return faults.map((fault, lane) => fault ?? outputs[dtype][lane]!);
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
  const strain = LANES.map(() => layout.take(SAMPLE_BYTES));
  const points = layout.take(SAMPLE_LENGTH * POINT);
  const taper = layout.take(ROW_BYTES);
  const twiddles = layout.take(tables.twiddles.byteLength);
  const power = DETECTORS.map(() => layout.take(SPECTRUM_LENGTH * POINT));
  const sums = DETECTORS.map(() => layout.take(SPECTRUM_LENGTH * 8));
  const total = layout.take(POINT);

  const { kernels, memory } = instantiate(layout.size);
  new Float64Array(memory, taper, SAMPLE_LENGTH).set(tukey(SAMPLE_LENGTH, RECIPE.psd.taper));
  new Float64Array(memory, twiddles, tables.twiddles.length).set(tables.twiddles);
  const lanes = strain.map((at) => new Float64Array(memory, at, SAMPLE_SIZE));
  const totals = new Float64Array(memory, total, LANES.length);
  const ordered = new Float64Array(DETECTORS.length * SPECTRUM_LENGTH);
  let count = 0;

  function add(block: readonly Strain[]): (string | undefined)[] {
    if (block.length === 0) return [];
    const faults = fill(lanes, block);
    for (const detector of DETECTORS.keys()) {
      const row = detector * ROW_BYTES;
      kernels.gather(strain[0]! + row, strain[block.length - 1]! + row, points, SAMPLE_LENGTH, 0);
      kernels.computePower(points, SAMPLE_LENGTH, taper, twiddles, power[detector]!, total);
      for (const lane of faults.keys()) {
        if (Number.isFinite(totals[lane])) continue;
        faults[lane] ??= strainFault(block[lane]!) ?? `${DETECTORS[detector]} overflows in the PSD estimate`;
      }
    }
    for (const [lane, fault] of faults.entries()) {
      if (fault !== undefined) continue;
      count++;
      for (const detector of DETECTORS.keys()) {
        kernels.accumulate(sums[detector]!, power[detector]!, SPECTRUM_LENGTH, lane);
      }
    }
    return faults;
  }

  return {
    add,
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
