import type { Engine } from './engine.ts';
import { createJavaScriptEngine } from './javascript.ts';
import { compileKernels, type WebAssemblyApi } from './kernels.ts';
import { createWebAssemblyEngine } from './webassembly.ts';

let chosen: Engine | undefined;

/** The fastest engine that runs here; found out once. */
export function chooseEngine(): Engine {
  chosen ??= findEngine((globalThis as { WebAssembly?: WebAssemblyApi }).WebAssembly);
  return chosen;
}

/** The engine for a machine with this WebAssembly. */
export function findEngine(api: WebAssemblyApi | undefined): Engine {
  const instantiate = compileKernels(api);
  return instantiate === undefined ? createJavaScriptEngine() : createWebAssemblyEngine(instantiate);
}
