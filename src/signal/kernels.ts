import { KERNELS } from './kernels.generated.ts';

/** The functions of kernels/, where each says what it does. All parameters but one are addresses or counts. */
export interface Kernels {
  gather(
    first: number,
    second: number,
    points: number,
    stride: number,
    length: number,
    padding: number,
  ): void;
  bandpass(steps: number, length: number, padding: number, coefficients: number, out: number): void;
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
  accumulate(sum: number, power: number, count: number, lane: number): void;
}

/** The kernels with a memory of their own. */
export interface KernelInstance {
  kernels: Kernels;
  memory: ArrayBuffer;
}

/** As much of WebAssembly's JavaScript interface as is used here; Node's types leave it to those of browsers. */
export interface WebAssemblyApi {
  validate(bytes: Uint8Array): boolean;
  Module: new (bytes: Uint8Array) => object;
  Memory: new (pages: { initial: number; maximum: number }) => { buffer: ArrayBuffer };
  Instance: new (module: object, imports: object) => { exports: unknown };
}

const PAGE = 65536;

/**
 * Compiles the kernels and returns a function that makes instances with so many bytes of memory, all zero, or
 * undefined where there is no WebAssembly or where it has no vectors (SIMD): old processors, Node with --jitless.
 */
export function compileKernels(
  api: WebAssemblyApi | undefined,
): ((bytes: number) => KernelInstance) | undefined {
  const code = Buffer.from(KERNELS, 'base64');
  if (api === undefined || !api.validate(code)) return undefined;
  const module = new api.Module(code);
  return (bytes) => {
    const pages = Math.ceil(bytes / PAGE);
    const memory = new api.Memory({ initial: pages, maximum: pages });
    const { exports } = new api.Instance(module, { env: { memory } });
    return { kernels: exports as Kernels, memory: memory.buffer };
  };
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
