/** The kernels as separate stages, with the memory layout of ../../src/signal/engines/vectors.ts, for ../profile.ts. */

import { DETECTORS, SAMPLE_LENGTH, type Strain } from '../../src/core/strain.ts';
import { createLayout, type KernelSet } from '../../src/signal/engines/kernel-api.ts';
import { tabulateTwiddles } from '../../src/signal/engines/transform-tables.ts';

const PADDING = 27;

/**
 * Additions and multiplications per sample, counted in the kernels' loops. Band-pass: 20 per step, in two directions. Spectrum:
 * 34 for four complex points in each forward and inverse pass, 76 or 24 (two points) in the pass between them, 6 to 14 for four
 * real points.
 */
export const OPERATIONS = {
  bandpass: DETECTORS.length * (4152 + 4124) * 20,
  spectrum: DETECTORS.length * 190_472,
  moments: DETECTORS.length * SAMPLE_LENGTH * 3,
  normalize: DETECTORS.length * SAMPLE_LENGTH * 2,
} as const;

/** Functions that each run one stage on a block of samples, one sample per lane. */
export function createKernelStages({ lanes, instantiate }: KernelSet, strain: Strain) {
  const layout = createLayout();
  const samples = Array.from({ length: lanes }, () => layout.take(strain.byteLength));
  const rows = DETECTORS.map(() => layout.take(4 * lanes));
  const steps = layout.take((SAMPLE_LENGTH + 2 * PADDING + 2) * 8 * lanes) + 8 * lanes;
  const points = layout.take((SAMPLE_LENGTH + PADDING + 1) * 4 * lanes);
  const coefficients = layout.take(64);
  const twiddles = tabulateTwiddles();
  const table = layout.take(4 * twiddles.length);
  const [taper, window, factors] = [0, 1, 2].map(() => layout.take(4 * SAMPLE_LENGTH)) as [
    number,
    number,
    number,
  ];
  const [sum, moments] = [layout.take(8 * lanes), layout.take(12 * lanes)];
  const output = layout.take(lanes * 4 * SAMPLE_LENGTH);
  const { kernels, memory } = instantiate(layout.size);
  // Scaled to the magnitude of whitened strain: the squares of strain would be subnormal in float32.
  for (const at of samples)
    new Float64Array(memory, at, strain.length).set(strain.map((value) => 1e21 * value));
  for (const [detector, at] of rows.entries())
    new Uint32Array(memory, at, lanes).set(samples.map((sample) => sample + detector * 8 * SAMPLE_LENGTH));
  // A decaying filter and factors of one keep the magnitudes stable over repeated runs.
  new Float64Array(memory, coefficients, 8).set([-0.5, 0.1, -0.4, 0.2, -0.3, 0.1, -0.2, 0.1]);
  new Float32Array(memory, table, twiddles.length).set(twiddles);
  for (const at of [taper, window]) new Float32Array(memory, at, SAMPLE_LENGTH).fill(1);
  new Float32Array(memory, factors, SAMPLE_LENGTH).fill(2 / SAMPLE_LENGTH).fill(1 / SAMPLE_LENGTH, 0, 2);
  const everyDetector = (work: (rows: number) => void) => () => {
    for (const at of rows) work(at);
  };
  return {
    gather: everyDetector((rows) => kernels.gatherExtended(rows, steps, SAMPLE_LENGTH, PADDING)),
    bandpass: everyDetector(() => kernels.bandpass(steps, SAMPLE_LENGTH, PADDING, coefficients, points)),
    spectrum: everyDetector(() =>
      kernels.filterSpectrum(points, SAMPLE_LENGTH, taper, window, table, factors, sum),
    ),
    moments: everyDetector(() => kernels.computeMoments(points, SAMPLE_LENGTH, sum, 1e-10, moments)),
    float16: everyDetector(() =>
      kernels.storeFloat16(points, SAMPLE_LENGTH, moments, output, 2 * SAMPLE_LENGTH),
    ),
  };
}
