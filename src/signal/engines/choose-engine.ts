import { createJavaScriptEngine } from './javascript.ts';
import { listNativeKernels } from './native.ts';
import type { Engine } from './signal-engine.ts';
import { createVectorEngine } from './vectors.ts';
import { compileKernels, type WebAssemblyApi } from './webassembly.ts';

let chosen: Engine | undefined;

/** The fastest engine that runs here; detected once. */
export function chooseEngine(): Engine {
  chosen ??= findNativeEngine() ?? choosePortableEngine();
  return chosen;
}

function findNativeEngine(): Engine | undefined {
  const [kernels] = listNativeKernels();
  return kernels && createVectorEngine(kernels.level, kernels);
}

/** The fastest engine without the addon, which the functions in the cloud don't have. */
export function choosePortableEngine(): Engine {
  return findEngine((globalThis as { WebAssembly?: WebAssemblyApi }).WebAssembly);
}

/** The native engines that run here, the fastest first. */
export function listNativeEngines(): Engine[] {
  return listNativeKernels().map((kernels) => createVectorEngine(kernels.level, kernels));
}

/** The engine for a machine with this WebAssembly and no native kernels. */
export function findEngine(api: WebAssemblyApi | undefined): Engine {
  const kernels = compileKernels(api);
  return kernels === undefined ? createJavaScriptEngine() : createVectorEngine('webassembly', kernels);
}
