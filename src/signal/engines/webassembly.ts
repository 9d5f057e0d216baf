import { KERNELS } from '../kernels.generated.ts';
import type { KernelSet, Kernels } from './kernel-api.ts';

/**
 * The part of WebAssembly's JavaScript interface that is used here. Only the types for browsers have it, Node's
 * don't.
 */
export interface WebAssemblyApi {
  validate(bytes: Uint8Array): boolean;
  Module: new (bytes: Uint8Array) => object;
  Memory: new (pages: { initial: number; maximum: number }) => { buffer: ArrayBuffer };
  Instance: new (module: object, imports: object) => { exports: unknown };
}

const PAGE = 65536;

/**
 * Compiles the kernels of ../kernels/. Undefined where WebAssembly or its vectors (SIMD) are missing: on old CPUs, or
 * in Node with --jitless.
 */
export function compileKernels(api: WebAssemblyApi | undefined): KernelSet | undefined {
  const code = Buffer.from(KERNELS, 'base64');
  if (api === undefined || !api.validate(code)) return undefined;
  const module = new api.Module(code);
  return {
    lanes: 4,
    wideLanes: 2,
    instantiate(bytes) {
      const pages = Math.ceil(bytes / PAGE);
      const memory = new api.Memory({ initial: pages, maximum: pages });
      const { exports } = new api.Instance(module, { env: { memory } });
      return { kernels: exports as Kernels, memory: memory.buffer };
    },
  };
}
