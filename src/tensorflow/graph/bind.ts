import Module, { createRequire } from 'node:module';
import { dirname } from 'node:path';
import util from 'node:util';
import type { NodeJSKernelBackend } from '@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend.js';
import { MachineError } from '../../core/errors.ts';

export type TF = typeof import('@tensorflow/tfjs-node-gpu');

const require = createRequire(import.meta.url);

/**
 * Loads @tensorflow/tfjs-node-gpu over the addon at `path`.
 *
 * The package asks @mapbox/node-pre-gyp for the path of its addon, which would be inside node_modules. While the package
 * loads, a module that answers `path` replaces node-pre-gyp.
 */
export function bindTensorFlow(path: string): TF {
  restoreUtil();
  const locator = createRequire(require.resolve('@tensorflow/tfjs-node-gpu')).resolve('@mapbox/node-pre-gyp');
  const answer = new Module(locator);
  answer.exports = { find: () => path };
  answer.loaded = true;
  const before = require.cache[locator];
  require.cache[locator] = answer;
  try {
    return require('@tensorflow/tfjs-node-gpu');
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || error.code !== 'ERR_DLOPEN_FAILED') throw error;
    throw new MachineError(
      `TensorFlow could not be loaded: ${error.message}. If one of chirpline's own files is damaged, delete ${dirname(dirname(path))} and try again.`,
      { cause: error },
    );
  } finally {
    if (before) require.cache[locator] = before;
    else delete require.cache[locator];
  }
}

/** TensorFlow's own version, and the device it computes on. */
export function describeTensorFlow(tf: TF): { version: string; device: 'cpu' | 'gpu' } {
  const { binding, isUsingGpuDevice } = nodeBackend(tf);
  return { version: binding.TF_Version, device: isUsingGpuDevice ? 'gpu' : 'cpu' };
}

/** The tfjs backend that executes ops on TensorFlow. */
export function nodeBackend(tf: TF): NodeJSKernelBackend {
  const backend = tf.backend();
  if (!isNodeBackend(backend)) throw new Error(`tfjs runs on ${tf.getBackend()}, not on TensorFlow`);
  return backend;
}

function isNodeBackend(backend: object): backend is NodeJSKernelBackend {
  return 'binding' in backend && 'isUsingGpuDevice' in backend;
}

/** tfjs calls two functions of util that Node 23 removed and earlier versions warn about on stderr. */
function restoreUtil(): void {
  const removed = {
    isArray: (value: unknown) => Array.isArray(value),
    isNullOrUndefined: (value: unknown) => value === null || value === undefined,
  };
  for (const [name, value] of Object.entries(removed)) {
    Object.defineProperty(util, name, { value, configurable: true, enumerable: true, writable: true });
  }
}
