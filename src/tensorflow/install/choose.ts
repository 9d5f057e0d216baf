import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { MachineError } from '../../core/errors.ts';
import { findChosenLibrary, findPythonLibrary, type Library, readLibrary, SETTING } from './library.ts';
import { seesGpu } from './nvidia.ts';
import { type Pin, pinFor } from './pins.ts';
import { wheelName } from './wheel.ts';

export type Device = 'auto' | 'cpu' | 'gpu';

/** The TensorFlow to use; or the wheel to download first, and why python3's was skipped. */
export type Choice = { library: Library } | { pin: Pin; passedOver: string };

/**
 * Finds the TensorFlow for a device, in this order: the one that CHIRPLINE_TENSORFLOW names, python3's, the wheel that
 * was downloaded before, a wheel to download. Downloads and writes nothing.
 *
 * Throws MachineError when the setting names no TensorFlow, or one without CUDA for device 'gpu', and when there is no
 * wheel for this machine.
 */
export async function chooseLibrary(device: Device, cache: string, env: NodeJS.ProcessEnv): Promise<Choice> {
  const chosen = await findChosenLibrary(env);
  if (chosen) {
    if (device === 'gpu' && !chosen.cuda) {
      throw new MachineError(
        `${SETTING}: ${chosen.folder} is built without CUDA, but device gpu was requested. Set it to a TensorFlow with CUDA, or use device cpu.`,
      );
    }
    return { library: chosen };
  }
  const cuda = device === 'gpu' || (device === 'auto' && seesGpu(env));
  const found = await findPythonLibrary(env);
  if ('library' in found && (found.library.cuda || !cuda)) return { library: found.library };
  const reason = 'library' in found ? `${found.library.folder} is built without CUDA` : found.reason;
  const pin = pinFor(process.platform, process.arch, cuda);
  const folder = join(cache, wheelName(pin));
  if (!existsSync(folder)) return { pin, passedOver: reason };
  return { library: await readDownloaded(join(folder, 'tensorflow')) };
}

/** Reads the folder that installWheel returns. */
export async function readDownloaded(folder: string): Promise<Library> {
  const found = await readLibrary(folder, 'downloaded');
  if ('library' in found) return found.library;
  throw new MachineError(`the cache is damaged: ${found.reason}. Delete that folder and try again.`);
}
