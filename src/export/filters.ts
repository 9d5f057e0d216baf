import { DETECTORS, SAMPLE_LENGTH } from '../core/strain.ts';
import { LARGEST as LARGEST_EXPONENT } from '../model/matched-filters.ts';
import type { Weights } from '../model/weights.ts';
import { FILTERS, flatGain } from '../signal/matched-filter.ts';

/**
 * Trained matched filters for other programs. model/matched-filters.ts computes the same, up to rounding. Each file format encodes
 * it in its own ops.
 */
export interface Filters {
  /** What each time point of the input is multiplied with first [4096]. */
  gain: Float32Array;
  /** Filters whose outputs' powers are the exponents of the likelihoods: real and imaginary parts, [K, 3, bins] each. */
  bank: readonly [Float32Array, Float32Array];
  /** What is added to the logarithm of a sample's likelihood, summed over arrival times [K, times]. */
  prior: Float32Array;
  output: { scale: number; bias: number };
}

/** The weights must be those of `matched` (checkWeights). */
export function foldFilters(weights: Weights): Filters {
  const data = (name: string) => weights.get(name)!.data;
  const bank = data('bank').map(
    (value, i) => value * Math.exp(data('power_scale')[Math.floor(i / FILTERS.bins) % DETECTORS.length]! / 2),
  );
  const [template, time] = [logSoftmax(data('template')), logSoftmax(data('merger_time'))];
  const arrivals = DETECTORS.length * Math.log(2 * FILTERS.times.lag + 1);
  return {
    gain: flatGain(),
    bank: [bank.subarray(0, bank.length / 2), bank.subarray(bank.length / 2)],
    prior: Float32Array.from({ length: template.length * time.length }, (_, i) => {
      return template[Math.floor(i / time.length)]! + time[i % time.length]! - arrivals;
    }),
    output: { scale: data('out_scale')[0]!, bias: data('out_b')[0]! },
  };
}

function logSoftmax(logits: Float32Array): Float64Array {
  const largest = logits.reduce((most, x) => Math.max(most, x));
  const sum = logits.reduce((total, x) => total + Math.exp(x - largest), 0);
  return Float64Array.from(logits, (x) => x - largest - Math.log(sum));
}

/** The ops of a file format that filters need. All of them add a node and return its name. */
export interface FilterOps {
  constant(name: string, shape: readonly number[], values: Float32Array): string;
  /** Of each number. */
  map(op: 'Exp' | 'Log' | 'Sigmoid', name: string, x: string): string;
  /** Of each pair of numbers; shapes are broadcast. */
  combine(op: 'Add' | 'Sub' | 'Mul' | 'Minimum', name: string, a: string, b: string): string;
  sum(name: string, nodes: readonly string[]): string;
  /** Over axes, which stay, with length 1. */
  reduce(op: 'Sum' | 'Max', name: string, x: string, axes: readonly number[]): string;
  reshape(name: string, x: string, shape: readonly number[]): string;
  /** Columns of a matrix. */
  slice(name: string, x: string, start: number, length: number): string;
  /** Along an axis. */
  concatenate(name: string, nodes: readonly string[], axis: number): string;
  multiplyMatrices(name: string, a: string, b: string): string;
  /** Real and imaginary part of the spectrum of real x [batch, 3, 4096] at FILTERS' bins, [batch, 1, 3, bins] each. */
  transform(x: string): [string, string];
}

/**
 * Adds the nodes from the input, [batch, 3, 4096], to the probability, [batch, 1, 1, 1]; returns the last one.
 *
 * The transform back to time is a product with a matrix: few of the time points are needed, their number is no power of 2, for which
 * onnxruntime's DFT has errors of 1e-4, and a matrix product is faster.
 */
export function addFilters(ops: FilterOps, input: string, { gain, bank, prior, output }: Filters): string {
  const { templates, bins, times } = FILTERS;
  const [lags, mergers] = [2 * times.lag + 1, times.end - times.first];
  const outputs = mergers + lags - 1;
  const scalar = (name: string, value: number) => ops.constant(name, [], Float32Array.of(value));
  const product = (name: string, a: string, b: string) => ops.combine('Mul', name, a, b);

  const flat = product('untaper', input, ops.constant('gain', [SAMPLE_LENGTH], gain));
  const [xr, xi] = ops.transform(flat);
  const shape = [templates, DETECTORS.length, bins];
  const [wr, wi] = [ops.constant('bank_real', shape, bank[0]), ops.constant('bank_imag', shape, bank[1])];
  const real = ops.combine('Sub', 'real', product('real_real', xr, wr), product('imag_imag', xi, wi));
  const imag = ops.combine('Add', 'imag', product('real_imag', xr, wi), product('imag_real', xi, wr));
  const products = ops.reshape('products', ops.concatenate('parts', [real, imag], 3), [-1, 2 * bins]);
  const inverse = ops.constant('inverse', [2 * bins, 2 * outputs], inverseTransform());
  const filtered = ops.multiplyMatrices('filtered', products, inverse);
  const squares = product('squares', filtered, filtered);
  const halves = [0, outputs].map((start) => ops.slice(`squares_${start}`, squares, start, outputs));
  const exponents = ops.combine(
    'Minimum',
    'exponents',
    ops.sum('powers', halves),
    scalar('largest', LARGEST_EXPONENT),
  );
  const likelihoods = ops.map('Exp', 'likelihoods', exponents);
  const shifted = Array.from({ length: lags }, (_, i) => ops.slice(`arrival_${i}`, likelihoods, i, mergers));
  const logs = ops.map('Log', 'log_likelihoods', ops.sum('arrivals', shifted));
  const detectors = ops.reshape('detectors', logs, [-1, templates, DETECTORS.length, mergers]);
  const joint = ops.reduce('Sum', 'joint', detectors, [2]);
  const weighted = ops.combine(
    'Add',
    'weighted',
    joint,
    ops.constant('prior', [templates, 1, mergers], prior),
  );
  const most = ops.reduce('Max', 'most', weighted, [1, 2, 3]);
  const relative = ops.map('Exp', 'relative', ops.combine('Sub', 'below_most', weighted, most));
  const sum = ops.map('Log', 'log_sum', ops.reduce('Sum', 'sum', relative, [1, 2, 3]));
  const evidence = ops.combine('Add', 'evidence', sum, most);
  const scaled = product('scaled', evidence, scalar('out_scale', output.scale));
  return ops.map('Sigmoid', 'sigmoid', ops.combine('Add', 'logit', scaled, scalar('out_b', output.bias)));
}

/** From real and imaginary parts at the bins to those at the outputs' time points [2 bins, 2 outputs]. */
function inverseTransform(): Float32Array {
  const { bins, times } = FILTERS;
  const first = times.first - times.lag;
  const outputs = times.end + times.lag - first;
  const matrix = new Float32Array(4 * bins * outputs);
  for (let bin = 0; bin < bins; bin++)
    for (let i = 0; i < outputs; i++) {
      const angle = (2 * Math.PI * ((bin * (first + i)) % bins)) / bins;
      const [cos, sin] = [Math.cos(angle) / bins, Math.sin(angle) / bins];
      const [real, imag] = [bin * 2 * outputs + i, (bins + bin) * 2 * outputs + i];
      matrix[real] = cos;
      matrix[real + outputs] = sin;
      matrix[imag] = -sin;
      matrix[imag + outputs] = cos;
    }
  return matrix;
}
