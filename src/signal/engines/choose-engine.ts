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
  const plain = createJavaScriptEngine();
  const kernels = compileKernels(api);
  if (kernels === undefined || orUndefined(() => kernels.instantiate(1)) === undefined) return plain;
  const fast = createVectorEngine('webassembly', kernels);
  return {
    ...fast,
    // The first memory may leave no room for the next: each preprocessor and estimator has its own, in each thread.
    createPreprocessor: (psd) =>
      orUndefined(() => fast.createPreprocessor(psd)) ?? plain.createPreprocessor(psd),
    createPsdEstimator: () => orUndefined(() => fast.createPsdEstimator()) ?? plain.createPsdEstimator(),
  };
}

/**
 * Undefined if WebAssembly gets no memory: it reserves 10 GB of address space for each, far more than it uses, which a limit
 * may forbid (ulimit -v, batch queues).
 */
function orUndefined<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
