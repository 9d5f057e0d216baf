/**
 * The common interface of the kernels in ../kernels/ (WebAssembly) and ../native/ (machine code). Both give the same
 * bytes. ../kernels/ documents each function. Parameters are addresses in the kernels' memory, and counts.
 */
export interface Kernels {
  /** `rows` is a table of addresses (uint32): one detector of each of `wideLanes` samples. */
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
  /** Adds lane i if bit i of `lanes` is set. */
  accumulate(sum: number, power: number, count: number, lanes: number): void;
}

/** The kernels with a memory of their own. */
interface KernelInstance {
  kernels: Kernels;
  memory: ArrayBuffer;
}

export interface KernelSet {
  /** The number of samples processed side by side. */
  readonly lanes: number;
  /** The same for the kernels that are float64 throughout: gather, computePower and accumulate. */
  readonly wideLanes: number;
  /** Creates an instance with `bytes` bytes of memory, all zero. */
  instantiate(bytes: number): KernelInstance;
}

/** Allocates ranges of a memory, one after another, each starting on a cache line of its own. */
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
