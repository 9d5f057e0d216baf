/**
 * Convolution over time as products of points: what x and kernel come to at N-th roots of unity is multiplied there, and
 * the products are taken back to time (Winograd, "Arithmetic complexity of computations", 1980). Complex products are
 * made of three real ones (Gauss), so that one real matrix each leads from x and from the kernel to their points, and
 * one from the products to time.
 *
 * A block of HOP times of the output needs the HOP + length - 1 times of x around it (overlap-save). For a kernel of 32
 * that is 94 products of points in place of 1024 a block, and the way there and back costs as much again.
 */

/** Times of the output that are computed at once. Longer blocks have fewer points a time, and longer ways there. */
export const HOP = 32;

/** Rows by columns, in C order. */
export interface Matrix {
  shape: [number, number];
  data: Float32Array;
}

export interface FourierPlan {
  /** Blocks in x. */
  blocks: number;
  points: number;
  /** Times of x that a block meets. */
  size: number;
  /** [points, size] */
  ofInput: Matrix;
  /** [points, length] */
  ofKernel: Matrix;
  /** [HOP, points]: times in the order of `timeOfRow`. */
  toOutput: Matrix;
  /** [size + 1, points]: ofInput's transpose, and below it a row of zeros. */
  toInput: Matrix;
  /** Time of x that is at place n of block j, at [n * blocks + j]; where it is none, the number of times. */
  frames: Int32Array;
  /** The two places in the blocks, as n * blocks + j, that each time of x is at; where it is none, size * blocks. */
  places: readonly [Int32Array, Int32Array];
}

/** Time within a block that is in a row of the output: first come all first times of the windows of `window`. */
function timeOfRow(row: number, window: number): number {
  const windows = HOP / window;
  return (row % windows) * window + Math.floor(row / windows);
}

/**
 * The numbers of a convolution of `times` by a kernel of `length`, whose output is as long, x being 0 beyond its ends.
 * Its rows are ordered for a pooling by `window`. Throws RangeError when HOP doesn't fit.
 */
export function planConvolution(times: number, length: number, window: number): FourierPlan {
  if (times % HOP !== 0 || length > HOP + 1 || HOP % window !== 0)
    throw new RangeError(
      `${times} times, a kernel of ${length} and windows of ${window} in blocks of ${HOP}`,
    );
  const size = HOP + length - 1;
  const blocks = times / HOP;
  const left = Math.floor((length - 1) / 2);
  const points = listPoints(size);
  const evaluate = ({ frequency, part }: Point, n: number): number => {
    const { cos, sin } = turn(frequency * n, size);
    return [cos, sin, cos + sin][part]!;
  };
  const ofInput = fillMatrix(points.length, size, (p, n) => evaluate(points[p]!, -n));
  const place = (t: number, n: number): number => {
    const j = (t + left - n) / HOP;
    return n < size && j >= 0 && j < blocks ? n * blocks + j : size * blocks;
  };
  return {
    blocks,
    points: points.length,
    size,
    ofInput,
    // A tap later is a time of x later: the kernel's points are the conjugates.
    ofKernel: fillMatrix(points.length, length, (p, n) => evaluate(points[p]!, n)),
    toOutput: fillMatrix(HOP, points.length, (row, p) =>
      synthesize(points[p]!, timeOfRow(row, window), size),
    ),
    toInput: fillMatrix(size + 1, points.length, (n, p) => (n === size ? 0 : evaluate(points[p]!, -n))),
    frames: Int32Array.from({ length: size * blocks }, (_, i) => {
      const t = (i % blocks) * HOP + Math.floor(i / blocks) - left;
      return t >= 0 && t < times ? t : times;
    }),
    places: [
      Int32Array.from({ length: times }, (_, t) => place(t, (t + left) % HOP)),
      Int32Array.from({ length: times }, (_, t) => place(t, ((t + left) % HOP) + HOP)),
    ],
  };
}

/** A real factor of a product: of the value at a frequency its real part (0), its imaginary part (1), or their sum (2). */
interface Point {
  frequency: number;
  part: 0 | 1 | 2;
}

/** Of real numbers, half of the frequencies tell all; the lowest and, of an even size, the highest are real. */
function listPoints(size: number): Point[] {
  const points: Point[] = [];
  for (let frequency = 0; frequency <= size / 2; frequency++) {
    points.push({ frequency, part: 0 });
    if (frequency > 0 && frequency < size / 2) points.push({ frequency, part: 1 }, { frequency, part: 2 });
  }
  return points;
}

/** What a product of points adds to the time t. */
function synthesize({ frequency, part }: Point, t: number, size: number): number {
  const { cos, sin } = turn(frequency * t, size);
  if (frequency === 0 || frequency === size / 2) return cos / size;
  // Of products p0, p1, p2, the complex one is p0 - p1 + i (p2 - p0 - p1), and its part of the output the real part of
  // that times cos + i sin, twice: the frequency's negative adds the conjugate.
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
