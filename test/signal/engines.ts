import { findEngine, listNativeEngines } from '../../src/signal/engines/choose-engine.ts';
import type { WebAssemblyApi } from '../../src/signal/engines/webassembly.ts';

export const { WebAssembly } = globalThis as unknown as { WebAssembly: WebAssemblyApi };

/** All engines that run here, not only the one that chooseEngine returns. */
export const JAVASCRIPT = findEngine(undefined);
export const WEBASSEMBLY = findEngine(WebAssembly);
export const NATIVE = listNativeEngines();
export const VECTORS = [WEBASSEMBLY, ...NATIVE];
export const ENGINES = [JAVASCRIPT, ...VECTORS];
