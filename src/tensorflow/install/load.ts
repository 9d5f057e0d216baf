import { MachineError, SettingError } from '../../core/errors.ts';
import { bindTensorFlow, describeTensorFlow, type TF } from '../graph/bind.ts';
import { buildAddon } from './addon.ts';
import { cacheFolder } from './cache.ts';
import { chooseLibrary, type Device, readDownloaded } from './choose.ts';
import type { Library } from './library.ts';
import { seesGpu } from './nvidia.ts';
import { joinRuntime } from './runtime.ts';
import { installWheel } from './wheel.ts';

export { describeTensorFlow, type TF } from '../graph/bind.ts';
export type { Device } from './choose.ts';

export interface LoadOptions {
  /** 'auto' (the default) uses an NVIDIA GPU where a driver is seen, and the CPU otherwise. */
  device?: Device;
  /** Lets TensorFlow's own log through to stderr. */
  verbose?: boolean;
  /** Is told of what takes long: a download, a build. */
  log?: (line: string) => void;
}

let loaded: { device: Device; tensorflow: Promise<TF> } | undefined;

/**
 * Loads TensorFlow: tfjs' interface over the TensorFlow that chooseLibrary finds. The first call in a process does
 * the work (0.4 s, and once on a machine up to a minute for a download and a build), later ones get the same object;
 * after a failure the next call tries again.
 *
 * Throws MachineError when something is missing, and says what; SettingError when it is loaded for another device.
 */
export async function loadTensorFlow(options: LoadOptions = {}): Promise<TF> {
  const device = options.device ?? 'auto';
  if (loaded === undefined) {
    const attempt = { device, tensorflow: load(device, options) };
    loaded = attempt;
    attempt.tensorflow.catch(() => {
      loaded = undefined;
    });
  }
  if (loaded.device !== device) {
    throw new SettingError(
      `TensorFlow is loaded for device ${loaded.device} in this process; it can't be loaded for ${device} too`,
    );
  }
  return loaded.tensorflow;
}

async function load(device: Device, options: LoadOptions): Promise<TF> {
  const addon = await prepareTensorFlow(options);
  // TensorFlow reads these by C's getenv when it is loaded; Node passes assignments on to C.
  if (!options.verbose) process.env.TF_CPP_MIN_LOG_LEVEL ??= '3';
  if (device === 'cpu') process.env.CUDA_VISIBLE_DEVICES = '-1';
  const tf = bindTensorFlow(addon);
  if (device === 'cpu' || describeTensorFlow(tf).device === 'gpu') return tf;
  if (device === 'gpu') {
    throw new MachineError(
      'device gpu was asked for, but TensorFlow finds no GPU that it can use. Look at `nvidia-smi`, in a container at how it was started (docker run --gpus all); or use device cpu.',
    );
  }
  if (seesGpu(process.env)) {
    options.log?.('TensorFlow computes on the CPU although an NVIDIA driver is here; its own log says why');
  }
  return tf;
}

/**
 * Does all that loading needs but the loading: download and build into the cache. Returns the addon's path. A
 * container image can call it while it is made, so that its containers start without a network and a compiler.
 */
export async function prepareTensorFlow(options: LoadOptions = {}): Promise<string> {
  const log = options.log ?? (() => {});
  const cache = cacheFolder();
  const choice = await chooseLibrary(options.device ?? 'auto', cache, process.env);
  let library: Library;
  if ('library' in choice) {
    library = choice.library;
  } else {
    log(`no TensorFlow to use: ${choice.passedOver}`);
    library = await readDownloaded(await installWheel(cache, choice.pin, log));
  }
  return joinRuntime(cache, await buildAddon(cache, library, log), library);
}
