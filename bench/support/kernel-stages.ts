/** The kernels one by one, with the memory that ../../src/signal/webassembly.ts gives them, for ../profile.ts. */
import { tabulateTwiddles } from '../../src/signal/divisions.ts';
import { compileKernels, createLayout, type WebAssemblyApi } from '../../src/signal/kernels.ts';
import { DETECTORS, SAMPLE_LENGTH, type Strain } from '../../src/strain.ts';

const POINT = 16;
const STEP = 2 * POINT;
const PADDING = 27;
const LANES = 4;

/**
 * Vector additions and multiplications a sample, counted in the kernels' loops. The band-pass: 20 a step, two directions,
 * two lanes. The spectrum: 34 for four complex points in each pass forward and back, 76 or 24 (two points) where they meet, 6
 * to 14 for four real ones; four lanes.
 */
export const VECTOR_OPERATIONS = {
  bandpass: (DETECTORS.length * (4152 + 4124) * 20) / 2,
  spectrum: (DETECTORS.length * 190_472) / LANES,
  moments: (DETECTORS.length * SAMPLE_LENGTH * 3) / LANES,
  float16: (DETECTORS.length * SAMPLE_LENGTH * 15) / LANES,
} as const;

/** Functions that each do one stage for a block of four samples. */
export function createKernelStages(strain: Strain) {
  const layout = createLayout();
  const samples = Array.from({ length: LANES }, () => layout.take(strain.byteLength));
  const steps = layout.take((SAMPLE_LENGTH + 2 * PADDING + 2) * STEP) + STEP;
  const points = layout.take((SAMPLE_LENGTH + PADDING + 1) * POINT);
  const coefficients = layout.take(64);
  const twiddles = tabulateTwiddles();
  const table = layout.take(4 * twiddles.length);
  const [taper, window, factors] = [0, 1, 2].map(() => layout.take(4 * SAMPLE_LENGTH)) as [
    number,
    number,
    number,
  ];
  const [sum, moments] = [layout.take(2 * POINT), layout.take(3 * POINT)];
  const output = layout.take(LANES * 4 * SAMPLE_LENGTH);
  const instantiate = compileKernels((globalThis as { WebAssembly?: WebAssemblyApi }).WebAssembly);
  if (instantiate === undefined) throw new Error('there are no WebAssembly vectors here');
  const { kernels, memory } = instantiate(layout.size);
  // Of the size of whitened strain: squares of strain are below what float32 holds in full.
  for (const at of samples)
    new Float64Array(memory, at, strain.length).set(strain.map((value) => 1e21 * value));
  // A decaying filter and factors of one: the numbers stay of a size, however often they are filtered.
  new Float64Array(memory, coefficients, 8).set([-0.5, 0.1, -0.4, 0.2, -0.3, 0.1, -0.2, 0.1]);
  new Float32Array(memory, table, twiddles.length).set(twiddles);
  for (const at of [taper, window]) new Float32Array(memory, at, SAMPLE_LENGTH).fill(1);
  new Float32Array(memory, factors, SAMPLE_LENGTH).fill(2 / SAMPLE_LENGTH).fill(1 / SAMPLE_LENGTH, 0, 2);
  const everyDetector = (work: (row: number) => void) => () => {
    for (const detector of DETECTORS.keys()) work(detector * SAMPLE_LENGTH * 8);
  };
  return {
    bandpass: everyDetector((row) => {
      for (const pair of [0, 1]) {
        const [one, other] = [samples[2 * pair]! + row, samples[2 * pair + 1]! + row];
        kernels.gather(one, other, steps + pair * POINT, STEP, SAMPLE_LENGTH, PADDING);
      }
      kernels.bandpass(steps, SAMPLE_LENGTH, PADDING, coefficients, points);
    }),
    spectrum: everyDetector(() =>
      kernels.filterSpectrum(points, SAMPLE_LENGTH, taper, window, table, factors, sum),
    ),
    moments: everyDetector(() => kernels.computeMoments(points, SAMPLE_LENGTH, sum, 1e-10, moments)),
    float16: everyDetector(() =>
      kernels.storeFloat16(points, SAMPLE_LENGTH, moments, output, 2 * SAMPLE_LENGTH),
    ),
  };
}
