import { findEngine } from '../../src/signal/engines.ts';
import type { WebAssemblyApi } from '../../src/signal/kernels.ts';

export const { WebAssembly } = globalThis as unknown as { WebAssembly: WebAssemblyApi };

/** The two engines, whatever this machine would choose. */
export const JAVASCRIPT = findEngine(undefined);
export const WEBASSEMBLY = findEngine(WebAssembly);
export const ENGINES = [JAVASCRIPT, WEBASSEMBLY];
