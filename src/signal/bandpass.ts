import { SAMPLE_LENGTH, SAMPLE_RATE, type Strain } from '../core/strain.ts';
import { designBandpass } from './butterworth.ts';
import { RECIPE } from './recipe.ts';

const { order, low, high, padding } = RECIPE.bandpass;
/** Points of one detector with the extension at both ends; even, which the unrolled loop below relies on. */
const EXTENDED = SAMPLE_LENGTH + 2 * padding;

const CASCADE = designBandpass(order, low, high, SAMPLE_RATE);
if (CASCADE.sections.length !== 4)
  throw new RangeError(`${CASCADE.sections.length} sections, needed 4: all engines have them unrolled`);
/** a1 and a2 of each section in turn. An array, because constants would be reloaded at each use in the loop. */
const COEFFICIENTS = Float64Array.from(CASCADE.sections.flatMap(({ a1, a2 }) => [a1, a2]));

/**
 * Filters one detector of a sample (0, 1 or 2) and returns SAMPLE_LENGTH points: a view of a buffer that the next
 * call overwrites.
 */
export type Bandpass = (strain: Strain, detector: number) => Float64Array;

/**
 * The zero-phase band-pass of the recipe, times a taper: scipy.signal.filtfilt(b, a, x) * taper, with filtfilt's odd
 * extension of 27 points and its steady-state start (Gustafsson, IEEE Trans. Signal Process. 44 (1996), 988-992,
 * describes the start-up problem).
 *
 * Accuracy: this uses second-order sections, which stay within 1e-13 of the exact result. SciPy's (b, a) polynomials
 * are off by about 2e-11 of the largest value, because rounding their coefficients moves the poles, which crowd near
 * z = 1.
 *
 * @param taper SAMPLE_LENGTH factors for the output.
 */
export function createBandpass(taper: Float64Array): Bandpass {
  const extended = new Float64Array(EXTENDED);
  const result = new Float64Array(EXTENDED);
  const view = result.subarray(padding, padding + SAMPLE_LENGTH);
  const ones = new Float64Array(EXTENDED).fill(1);
  // The factor is 0 outside the sample, where the output of the extension isn't needed.
  const factors = new Float64Array(EXTENDED);
  for (let i = 0; i < SAMPLE_LENGTH; i++) factors[padding + i] = CASCADE.gain ** 2 * taper[i]!;
  return (strain, detector) => {
    extend(strain, detector * SAMPLE_LENGTH, extended);
    runSections(extended, extended, ones, 0, 1);
    runSections(extended, result, factors, EXTENDED - 1, -1);
    return view;
  };
}

/** Odd extension: the sample rotated by 180 degrees about its first and its last point. */
function extend(strain: Strain, from: number, extended: Float64Array): void {
  const body = SAMPLE_LENGTH;
  const edge = padding;
  const end = from + body - 1;
  const first = 2 * strain[from]!;
  const last = 2 * strain[end]!;
  for (let i = 0; i < body; i++) extended[edge + i] = strain[from + i]!;
  for (let i = 1; i <= edge; i++) {
    extended[edge - i] = first - strain[from + i]!;
    extended[edge + body - 1 + i] = last - strain[end - i]!;
  }
}

/**
 * One pass of the four sections over all points, without the gain: output = sections(input) * factors. Starts at `at`
 * and moves by `step` (1 or -1). Input and output may be the same array.
 *
 * Direct form I, where a section's output is the next one's input and both share their delays. Only the
 * multiplication by a1 depends on the previous output, and its latency bounds the time of the loop. The initial state
 * is the steady state of an input that has always equalled its first point: each section has a zero at frequency 0,
 * so all outputs are 0. SciPy's lfilter_zi gives the same state for this filter.
 */
function runSections(
  input: Float64Array,
  output: Float64Array,
  factors: Float64Array,
  at: number,
  step: number,
): void {
  const a1 = COEFFICIENTS[0]!;
  const a2 = COEFFICIENTS[1]!;
  const b1 = COEFFICIENTS[2]!;
  const b2 = COEFFICIENTS[3]!;
  const c1 = COEFFICIENTS[4]!;
  const c2 = COEFFICIENTS[5]!;
  const d1 = COEFFICIENTS[6]!;
  const d2 = COEFFICIENTS[7]!;
  // The input x and the outputs of the sections A, B, C, D: one step ago and (doubled letters) two steps ago.
  let x = input[at]!;
  let xx = x;
  let a = 0;
  let aa = 0;
  let b = 0;
  let bb = 0;
  let c = 0;
  let cc = 0;
  let d = 0;
  let dd = 0;
  // Two steps per iteration, which halves the number of moves from newer to older values.
  for (let rounds = EXTENDED / 2; rounds > 0; rounds--) {
    const x1 = input[at]!;
    const a1st = x1 - xx - a2 * aa - a1 * a;
    const b1st = a1st - aa - b2 * bb - b1 * b;
    const c1st = b1st - bb - c2 * cc - c1 * c;
    const d1st = c1st - cc - d2 * dd - d1 * d;
    output[at] = d1st * factors[at]!;
    at += step;
    const x2 = input[at]!;
    const a2nd = x2 - x - a2 * a - a1 * a1st;
    const b2nd = a2nd - a - b2 * b - b1 * b1st;
    const c2nd = b2nd - b - c2 * c - c1 * c1st;
    const d2nd = c2nd - c - d2 * d - d1 * d1st;
    output[at] = d2nd * factors[at]!;
    at += step;
    xx = x1;
    aa = a1st;
    bb = b1st;
    cc = c1st;
    dd = d1st;
    x = x2;
    a = a2nd;
    b = b2nd;
    c = c2nd;
    d = d2nd;
  }
}
