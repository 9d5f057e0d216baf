/** Buckets of a histogram, as TensorBoard's own writer makes them. */
export const BUCKETS = 30;

/**
 * Counts values in BUCKETS buckets of equal width from the least to the greatest: rows [left edge, right edge, count],
 * C order, float64. A bucket has its left edge, the last one both. Where all values are the same the last bucket has
 * them, and without values all is 0. Values that aren't finite have no bucket and aren't counted.
 *
 * The same as histogram_pb in
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
