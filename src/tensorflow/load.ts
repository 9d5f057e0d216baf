import { MachineError, SettingError } from '../errors.ts';
import { buildAddon } from './addon.ts';
import { bindTensorFlow, type TF } from './bind.ts';
import { cacheFolder } from './cache.ts';
import { findChosenLibrary, findPythonLibrary, type Library } from './library.ts';
import { joinRuntime } from './runtime.ts';

export type { TF } from './bind.ts';

export type Device = 'auto' | 'cpu' | 'gpu';

export interface LoadOptions {
  /** 'auto' (default) uses an NVIDIA GPU when a driver is seen and the CPU otherwise. */
  device?: Device;
  /** Let TensorFlow's own log through to stderr. */
  verbose?: boolean;
  /** Told of what takes long: a download, a build. */
  log?: (line: string) => void;
}

let loaded: { device: Device; tensorflow: Promise<TF> } | undefined;

/** Loads TensorFlow once in the process. */
export function loadTensorFlow(options: LoadOptions = {}): Promise<TF> {
  const device = options.device ?? 'auto';
  if (loaded === undefined) {
    const attempt = { device, tensorflow: load(device, options) };
    attempt.tensorflow.catch(() => {
      loaded = undefined;
    });
    loaded = attempt;
  }
  if (loaded.device !== device) {
    throw new SettingError(
      `TensorFlow is loaded for device ${loaded.device} already; ${device} can't be had too`,
    );
  }
  return loaded.tensorflow;
}

async function load(device: Device, options: LoadOptions): Promise<TF> {
  const log = options.log ?? (() => {});
  const cache = cacheFolder();
  const library = await findLibrary();
  const path = await joinRuntime(cache, await buildAddon(cache, library, log), library);
  if (!options.verbose) process.env.TF_CPP_MIN_LOG_LEVEL ??= '3';
  if (device === 'cpu') process.env.CUDA_VISIBLE_DEVICES = '-1';
  return bindTensorFlow(path);
}

async function findLibrary(): Promise<Library> {
  const chosen = await findChosenLibrary(process.env);
  if (chosen) return chosen;
  const found = await findPythonLibrary(process.env);
  if ('library' in found) return found.library;
  throw new MachineError(found.reason);
}
