import { realpath } from 'node:fs/promises';
import { MachineError, SettingError } from '../../core/errors.ts';
import { bindTensorFlow, describeTensorFlow, type TF } from '../graph/bind.ts';
import { buildAddon } from './addon.ts';
import { cacheFolder } from './cache.ts';
import { chooseLibrary, type Device, readDownloaded } from './choose.ts';
import type { Library } from './library.ts';
import { requireLoadable } from './noexec.ts';
import { seesGpu } from './nvidia.ts';
import { joinRuntime } from './runtime.ts';
import { installWheel } from './wheel.ts';
import { explainMissingTools, findXlaTools, useCompileCache } from './xla.ts';

export { describeTensorFlow, type TF } from '../graph/bind.ts';
export type { Device } from './choose.ts';

export interface LoadOptions {
  /** 'auto' (the default) uses an NVIDIA GPU if a driver is found, and the CPU otherwise. */
  device?: Device;
  /** Lets TensorFlow's own log through to stderr. */
  verbose?: boolean;
  /** Called with a message for each slow step: a download, a build. */
  log?: (line: string) => void;
}

/** Whether XLA compiles the steps of a model; `auto`: on a GPU, if its tools are installed. */
export type CompileChoice = 'auto' | 'on' | 'off';

/** The folders `tensorflow` of the loaded libraries. */
const folders = new WeakMap<TF, string>();

/**
 * Decides whether XLA compiles. Throws MachineError when it should, but its tools for a GPU are missing. `log` is told when
 * `auto` on a GPU means no.
 */
export function chooseCompile(tf: TF, choice: CompileChoice, log: (line: string) => void): boolean {
  if (choice === 'off') return false;
  if (describeTensorFlow(tf).device === 'cpu') return choice === 'on';
  const problem = explainMissingTools(findXlaTools(folders.get(tf)!, process.env));
  if (problem === undefined) return true;
  if (choice === 'on') throw new MachineError(`XLA can't compile for the GPU: ${problem}`);
  log(`steps run uncompiled, which is slower: ${problem}`);
  return false;
}

let loaded: { device: Device; tensorflow: Promise<TF> } | undefined;

/**
 * Loads TensorFlow: the tfjs interface over the TensorFlow that chooseLibrary finds. The first call in a process does the
 * work (0.4 s, and once per machine up to a minute for a download and a build). Later calls get the same object. After a
 * failure the next call tries again.
 *
 * Throws MachineError, which names what is missing, and SettingError when TensorFlow is loaded for another device.
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
      `TensorFlow is loaded for device ${loaded.device} in this process; it can't be loaded for device ${device} too`,
    );
  }
  return loaded.tensorflow;
}

async function load(device: Device, options: LoadOptions): Promise<TF> {
  const { addon, library } = await prepareTensorFlow(options);
  // TensorFlow reads these with C's getenv when it is loaded; Node passes assignments to C.
  if (!options.verbose) process.env.TF_CPP_MIN_LOG_LEVEL ??= '3';
  if (device === 'cpu') process.env.CUDA_VISIBLE_DEVICES = '-1';
  // Otherwise TensorFlow takes nearly all of a GPU's memory at once, and a second training on it fails.
  process.env.TF_FORCE_GPU_ALLOW_GROWTH ??= 'true';
  // Otherwise the host waits at the end of each step, although nobody needs its results yet.
  process.env.TF_SYNC_ON_FINISH ??= 'false';
  const folder = await realpath(library.folder);
  if (device !== 'cpu' && library.cuda && seesGpu(process.env)) {
    await useCompileCache(cacheFolder(), folder, process.env);
  }
  const tf = bindTensorFlow(addon);
  folders.set(tf, folder);
  if (device === 'cpu' || describeTensorFlow(tf).device === 'gpu') return tf;
  if (device === 'gpu') {
    throw new MachineError(
      'device gpu was requested, but TensorFlow finds no GPU that it can use. Check `nvidia-smi`, start a container with its GPUs (docker run --gpus all), or use device cpu.',
    );
  }
  if (seesGpu(process.env)) {
    options.log?.('TensorFlow uses the CPU although an NVIDIA driver is installed; its own log says why');
  }
  return tf;
}

/**
 * Prepares loading: downloads and builds into the cache. Returns the addon's path and the TensorFlow that it uses. A container
 * image can call it while it is built, so that its containers start without a network and a compiler.
 */
export async function prepareTensorFlow(
  options: LoadOptions = {},
): Promise<{ addon: string; library: Library }> {
  const log = options.log ?? (() => {});
  const cache = cacheFolder();
  requireLoadable(cache, 'Set CHIRPLINE_CACHE to a folder on another file system.');
  const choice = await chooseLibrary(options.device ?? 'auto', cache, process.env);
  let library: Library;
  if ('library' in choice) {
    library = choice.library;
  } else {
    log(`no usable TensorFlow found: ${choice.passedOver}`);
    library = await readDownloaded(await installWheel(cache, choice.pin, log));
  }
  requireLoadable(library.folder, 'Use a TensorFlow elsewhere, or remount the file system.');
  const addon = await joinRuntime(cache, await buildAddon(cache, library, log), library);
  return { addon, library };
}
