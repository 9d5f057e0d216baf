/**
 * Convolution over time as products at evaluation points: x and the kernel are evaluated at the N-th roots of unity
 * and multiplied there, and the products are transformed back to time (Winograd, "Arithmetic complexity of
 * computations", 1980). A complex product is made of three real ones (Gauss). So each of the three steps, evaluating
 * x, evaluating the kernel and going back to time, is a product with one real matrix.
 *
 * A block of `hop` time points of the output needs the hop + length - 1 time points of x around it (overlap-save). For
 * a kernel of 32 that is 94 products per block instead of 1024, and the transforms cost as much again.
 *
 * A longer kernel is cut into segments as long as a block. Each is multiplied with the blocks of x that are as many blocks later
 * as it has predecessors, and the products are summed before they go back to time. So x is transformed once.
 */

/**
 * Most time points of the output per block. Longer blocks need fewer products per time point, but more costly transforms.
 */
const LONGEST_HOP = 32;

/** Rows by columns, in C order. */
export interface Matrix {
  shape: [number, number];
  data: Float32Array;
}

export interface FourierPlan {
  /** Time points of the output per block. */
  hop: number;
  /** The number of blocks in the output. */
  blocks: number;
  /** The number of segments of the kernel; x has as many blocks more than the output, less one. */
  segments: number;
  /** Taps of a segment; the last segment may have zeros at its end. */
  taps: number;
  /** The number of evaluation points. */
  points: number;
  /** Time points of x that a block needs. */
  size: number;
  /** [points, size] */
  ofInput: Matrix;
  /** [points, taps] */
  ofKernel: Matrix;
  /** [hop, points]: time points in the order of `timeOfRow`. */
  toOutput: Matrix;
  /** [size + 1, points]: the transpose of ofInput, and a row of zeros below it. */
  toInput: Matrix;
  /**
   * At [n * blocks of x + j]: the time point of x at place n of block j, or the number of time points if that is beyond x.
   */
  frames: Int32Array;
  /**
   * For each time point of x, its two places in the blocks, as n * blocks of x + j, or size * blocks of x if there's no
   * such place.
   */
  places: readonly [Int32Array, Int32Array];
}

/**
 * The time point, within a block, of a row of the output. The first time points of all windows of length `window`
 * come first, then the second ones, and so on.
 */
function timeOfRow(row: number, window: number, hop: number): number {
  const windows = hop / window;
  return (row % windows) * window + Math.floor(row / windows);
}

/**
 * Plans a convolution of `times` time points with a kernel of `length`. The output is as long as x, which is 0 beyond
 * its ends. Its rows are ordered for pooling by `window`. Throws RangeError when the blocks don't fit.
 */
export function planConvolution(times: number, length: number, window: number): FourierPlan {
  const hop = Math.min(LONGEST_HOP, times);
  if (times % hop !== 0 || hop % window !== 0)
    throw new RangeError(`${times} time points and windows of ${window} don't fit blocks of ${hop}`);
  const segments = length <= hop + 1 ? 1 : Math.ceil(length / hop);
  const taps = segments === 1 ? length : hop;
  const size = hop + taps - 1;
  const blocks = times / hop;
  const inputBlocks = blocks + segments - 1;
  const left = Math.floor((length - 1) / 2);
  const points = listPoints(size);
  const evaluate = ({ frequency, part }: Point, n: number): number => {
    const { cos, sin } = turn(frequency * n, size);
    return [cos, sin, cos + sin][part]!;
  };
  const ofInput = fillMatrix(points.length, size, (p, n) => evaluate(points[p]!, -n));
  const place = (t: number, n: number): number => {
    const j = (t + left - n) / hop;
    return n < size && j >= 0 && j < inputBlocks ? n * inputBlocks + j : size * inputBlocks;
  };
  return {
    hop,
    blocks,
    segments,
    taps,
    points: points.length,
    size,
    ofInput,
    // A later tap belongs to a later time point of x, so the kernel's points are the conjugates.
    ofKernel: fillMatrix(points.length, taps, (p, n) => evaluate(points[p]!, n)),
    toOutput: fillMatrix(hop, points.length, (row, p) =>
      synthesize(points[p]!, timeOfRow(row, window, hop), size),
    ),
    toInput: fillMatrix(size + 1, points.length, (n, p) => (n === size ? 0 : evaluate(points[p]!, -n))),
    frames: Int32Array.from({ length: size * inputBlocks }, (_, i) => {
      const t = (i % inputBlocks) * hop + Math.floor(i / inputBlocks) - left;
      return t >= 0 && t < times ? t : times;
    }),
    places: [
      Int32Array.from({ length: times }, (_, t) => place(t, (t + left) % hop)),
      Int32Array.from({ length: times }, (_, t) => place(t, ((t + left) % hop) + hop)),
    ],
  };
}

/**
 * A real factor of a product: the real part (0) or the imaginary part (1) of the value at a frequency, or their sum
 * (2).
 */
interface Point {
  frequency: number;
  part: 0 | 1 | 2;
}

/**
 * For real input, half of the frequencies are enough. The values at the lowest frequency and, for an even size, at
 * the highest are real.
 */
function listPoints(size: number): Point[] {
  const points: Point[] = [];
  for (let frequency = 0; frequency <= size / 2; frequency++) {
    points.push({ frequency, part: 0 });
    if (frequency > 0 && frequency < size / 2) points.push({ frequency, part: 1 }, { frequency, part: 2 });
  }
  return points;
}

/** The contribution of a product to time point t. */
function synthesize({ frequency, part }: Point, t: number, size: number): number {
  const { cos, sin } = turn(frequency * t, size);
  if (frequency === 0 || frequency === size / 2) return cos / size;
  // The complex product of p0, p1, p2 is p0 - p1 + i (p2 - p0 - p1). It contributes the real part of its product with
  // cos + i sin, twice, since the negative frequency adds the conjugate.
  return (2 / size) * [cos + sin, sin - cos, -sin][part]!;
}

/** Cosine and sine of n / size of a whole turn. */
function turn(n: number, size: number): { cos: number; sin: number } {
  const angle = (2 * Math.PI * (n % size)) / size;
  return { cos: Math.cos(angle), sin: Math.sin(angle) };
}

function fillMatrix(rows: number, columns: number, value: (row: number, column: number) => number): Matrix {
  const data = new Float32Array(rows * columns);
  for (let i = 0; i < data.length; i++) data[i] = value(Math.floor(i / columns), i % columns);
  return { shape: [rows, columns], data };
}
