/**
 * What the kernels of kernels/, in WebAssembly, and of native/, in machine code, have in common. kernels/ says what each
 * function does; both give the same bytes. Parameters are addresses in the kernels' memory, and counts.
 */
export interface Kernels {
  /** `rows` is a table of addresses (uint32), of one detector of each of `wideLanes` samples. */
  gather(rows: number, points: number, length: number): void;
  /** The same for `lanes` samples. */
  gatherExtended(rows: number, points: number, length: number, padding: number): void;
  bandpass(points: number, length: number, padding: number, coefficients: number, out: number): void;
  filterSpectrum(
    points: number,
    length: number,
    taper: number,
    window: number,
    twiddles: number,
    factors: number,
    sum: number,
  ): void;
  computeMoments(
    points: number,
    length: number,
    sum: number,
    minimumDeviation: number,
    moments: number,
  ): void;
  storeFloat16(points: number, length: number, moments: number, out: number, stride: number): void;
  storeFloat32(points: number, length: number, moments: number, out: number, stride: number): void;
  computePower(
    points: number,
    length: number,
    taper: number,
    twiddles: number,
    power: number,
    sum: number,
  ): void;
  /** `lanes` has a bit for each lane that is to be added. */
  accumulate(sum: number, power: number, count: number, lanes: number): void;
}

/** The kernels with a memory of their own. */
interface KernelInstance {
  kernels: Kernels;
  memory: ArrayBuffer;
}

export interface KernelSet {
  /** Samples that are dealt with side by side. */
  readonly lanes: number;
  /** The same where numbers are float64 throughout: for gather, computePower and accumulate. */
  readonly wideLanes: number;
  /** Makes an instance with so many bytes of memory, all zero. */
  instantiate(bytes: number): KernelInstance;
}

/** Hands out stretches of a memory one after another, each on a cache line of its own. */
export function createLayout(): { take(bytes: number): number; readonly size: number } {
  let size = 0;
  return {
    take(bytes) {
      const at = size;
      size += Math.ceil(bytes / 64) * 64;
      return at;
    },
    get size() {
      return size;
    },
  };
}
