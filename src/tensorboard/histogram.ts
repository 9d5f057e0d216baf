/** Number of buckets, the default of TensorBoard's own writer. */
export const BUCKETS = 30;

/**
 * Counts values in BUCKETS buckets of equal width from the minimum to the maximum: rows [left edge, right edge, count],
 * C order, float64. A bucket includes its left edge; the last one includes both. If all values are equal, the last bucket
 * counts them; without values all rows are 0. Values that aren't finite aren't counted.
 *
 * Equivalent to histogram_pb in
 * https://github.com/tensorflow/tensorboard/blob/master/tensorboard/plugins/histogram/summary_v2.py
 */
export function countValues(values: Iterable<number>): Float64Array {
  const finite = Float64Array.from(values).filter(Number.isFinite);
  const rows = new Float64Array(BUCKETS * 3);
  if (finite.length === 0) return rows;
  const [least, greatest] = rangeOf(finite);
  const width = (greatest - least) / BUCKETS;
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    rows[bucket * 3] = least + bucket * width;
    rows[bucket * 3 + 1] = bucket === BUCKETS - 1 ? greatest : least + (bucket + 1) * width;
  }
  for (const value of finite) {
    const bucket = width === 0 ? BUCKETS - 1 : Math.min(Math.floor((value - least) / width), BUCKETS - 1);
    rows[bucket * 3 + 2]!++;
  }
  return rows;
}

function rangeOf(values: Float64Array): [number, number] {
  let least = Number.POSITIVE_INFINITY;
  let greatest = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (value < least) least = value;
    if (value > greatest) greatest = value;
  }
  return [least, greatest];
}
