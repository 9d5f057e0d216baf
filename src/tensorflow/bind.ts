import { createRequire } from 'node:module';
import util from 'node:util';
import { MachineError } from '../errors.ts';

export type TF = typeof import('@tensorflow/tfjs-node-gpu');

const require = createRequire(import.meta.url);

/**
 * Loads @tensorflow/tfjs-node-gpu over the addon at `path`.
 *
 * The package asks @mapbox/node-pre-gyp where its addon lies and would be told a place inside node_modules. For the
 * time of loading that module is one whose answer is `path`.
 */
export function bindTensorFlow(path: string): TF {
  restoreUtil();
  const locator = createRequire(require.resolve('@tensorflow/tfjs-node-gpu')).resolve('@mapbox/node-pre-gyp');
  const Module: typeof import('node:module') = require('node:module');
  const answer = new Module(locator);
  answer.exports = { find: () => path };
  answer.loaded = true;
  const before = require.cache[locator];
  require.cache[locator] = answer;
  try {
    return require('@tensorflow/tfjs-node-gpu');
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || error.code !== 'ERR_DLOPEN_FAILED') throw error;
    throw new MachineError(`TensorFlow could not be loaded: ${error.message}`, { cause: error });
  } finally {
    if (before) require.cache[locator] = before;
    else delete require.cache[locator];
  }
}

/** tfjs calls two functions that Node 23 took out of util, and that earlier versions warn about on stderr. */
function restoreUtil(): void {
  const gone = {
    isArray: (value: unknown) => Array.isArray(value),
    isNullOrUndefined: (value: unknown) => value === null || value === undefined,
  };
  for (const [name, value] of Object.entries(gone)) {
    Object.defineProperty(util, name, { value, configurable: true, enumerable: true, writable: true });
  }
}
