/** Cross-correlation of pairs of detectors. A signal gives a peak at a lag within the light travel time between the two. */
import { DETECTORS, type Detector, SAMPLE_LENGTH, SAMPLE_RATE, SAMPLE_SIZE } from '../../core/strain.ts';

/**
 * Light travel times between the detectors' vertices, in whole milliseconds as they are usually quoted. The positions in
 * LALDetectors.h give 10.0, 27.3 and 26.4 ms. The arrival times of a gravitational wave can't differ by more.
 */
const LIGHT_TRAVEL: readonly { first: Detector; second: Detector; windowMs: number }[] = [
  { first: 'H1', second: 'L1', windowMs: 10 },
  { first: 'H1', second: 'V1', windowMs: 27 },
  { first: 'L1', second: 'V1', windowMs: 26 },
];

/** Largest lag in either direction [ms]: almost twice the longest light travel time. */
const REACH_MS = 50;

export interface Correlation {
  /** `H1-L1`. */
  pair: string;
  /** Lags in ascending order [ms]. A positive lag means that the signal reaches the second detector later. */
  lagsMs: Float64Array;
  /** Correlation in [-1, 1], one per lag. */
  values: Float64Array;
  /** Light travel time: half the width of the window of physical lags [ms]. */
  windowMs: number;
}

/**
 * c(k) = sum over t of a(t) b(t + k), divided by sqrt(sum a^2 * sum b^2); 0 if a or b is all zeros.
 *
 * @param reach The largest lag in either direction [points], less than the length of a.
 * @returns 2 * reach + 1 values, lags -reach ... reach.
 */
export function crossCorrelation(
  a: Float64Array | Float32Array,
  b: Float64Array | Float32Array,
  reach: number,
): Float64Array {
  const values = new Float64Array(2 * reach + 1);
  const scale = Math.sqrt(energy(a) * energy(b));
  if (scale === 0) return values;
  for (let lag = -reach; lag <= reach; lag++) {
    const end = Math.min(a.length, b.length - lag);
    let sum = 0;
    for (let t = Math.max(0, -lag); t < end; t++) sum += a[t]! * b[t + lag]!;
    values[lag + reach] = sum / scale;
  }
  return values;
}

/**
 * Cross-correlations of the three pairs of detectors, for lags within 50 ms.
 *
 * @param strain Whitened or normalized strain, shape (3, 4096).
 * @throws RangeError when the strain has another length.
 */
export function correlatePairs(strain: Float64Array | Float32Array): Correlation[] {
  if (strain.length !== SAMPLE_SIZE) {
    throw new RangeError(`strain of ${strain.length} points, needed ${SAMPLE_SIZE}`);
  }
  const reach = Math.floor((REACH_MS / 1000) * SAMPLE_RATE);
  const lagsMs = Float64Array.from({ length: 2 * reach + 1 }, (_, i) => ((i - reach) / SAMPLE_RATE) * 1000);
  const detector = (name: Detector): Float64Array | Float32Array => {
    const start = DETECTORS.indexOf(name) * SAMPLE_LENGTH;
    return strain.subarray(start, start + SAMPLE_LENGTH);
  };
  return LIGHT_TRAVEL.map(({ first, second, windowMs }) => ({
    pair: `${first}-${second}`,
    lagsMs,
    values: crossCorrelation(detector(first), detector(second), reach),
    windowMs,
  }));
}

function energy(values: Float64Array | Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return sum;
}
