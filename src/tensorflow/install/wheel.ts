import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MachineError } from '../../core/errors.ts';
import { formatBytes } from '../../core/format-bytes.ts';
import { freeSpace } from '../../core/free-space.ts';
import { publish } from './cache.ts';
import { LIBRARIES } from './library.ts';
import type { Pin } from './pins.ts';
import { downloadWheels } from './pip.ts';
import { checkHash, unpack } from './unpack.ts';

/** Files of the wheel to keep: the libraries, the C headers that the addon's sources include, the build information. */
const KEPT = [
  ...LIBRARIES.map((name) => `tensorflow/${name}`),
  'tensorflow/python/platform/build_info.py',
  'tensorflow/include/tensorflow/c/',
  'tensorflow/include/tensorflow/core/platform/ctstring',
  'tensorflow/include/tsl/platform/ctstring',
  'tensorflow/include/xla/tsl/c/',
];

/** Name of the cache folder for the pin's unpacked wheel, laid out like a site-packages folder. */
export function wheelName(pin: Pin): string {
  return `${pin.requirement.replace('==', '-')}-${pin.sha256.slice(0, 12)}`;
}

/**
 * Downloads the pinned wheel and unpacks it, unless the cache has it. Returns its folder `tensorflow`. Logs the slow steps.
 * Throws MachineError when Python, pip or the network is missing, the disk is too small, or a file has another hash.
 *
 * A CUDA build also gets the CUDA wheels that its metadata names (`pip install tensorflow[and-cuda]`): the newest ones in its
 * version ranges, which pip checks against the hashes in the index.
 */
export async function installWheel(
  cache: string,
  pin: Pin,
  log: (line: string) => void,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  const folder = await publish(cache, wheelName(pin), async (draft) => {
    await checkSpace(cache, pin);
    const downloads = join(draft, 'downloads');
    log(
      `downloading ${pin.requirement} for ${pin.cuda ? 'NVIDIA GPUs' : 'the CPU'}, ${formatBytes(pin.download)}, into ${cache} (once)`,
    );
    const [wheel] = await downloadWheels([pin.requirement], pin.platforms, downloads, log, env);
    if (wheel === undefined) throw new MachineError(`pip downloaded no file for ${pin.requirement}`);
    await checkHash(wheel, pin.sha256);
    log(`unpacking ${pin.requirement}`);
    await unpack(wheel, draft, (name) => KEPT.some((kept) => name.startsWith(kept)) || isMetadata(name));
    await rm(wheel);
    if (pin.cuda) await installCuda(draft, pin, log, env);
    await rm(downloads, { recursive: true });
  });
  return join(folder, 'tensorflow');
}

async function installCuda(
  draft: string,
  pin: Pin,
  log: (line: string) => void,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const requirements = await cudaRequirements(draft);
  log(`downloading CUDA: ${requirements.join(' ')}`);
  const wheels = await downloadWheels(
    requirements,
    pin.platforms,
    join(draft, 'downloads', 'cuda'),
    log,
    env,
  );
  for (const wheel of wheels) {
    // Only compilers need headers and static libraries. TensorFlow itself uses cuda_nvcc's programs and bitcode.
    await unpack(wheel, draft, (name) => name.startsWith('nvidia/') && !/\/include\/|\.a$/.test(name));
    await rm(wheel);
  }
}

/** The CUDA wheels that the metadata of a TensorFlow wheel lists for the extra `and-cuda`. */
export async function cudaRequirements(sitePackages: string): Promise<string[]> {
  const metadata = (await readdir(sitePackages)).find((name) => name.endsWith('.dist-info'));
  const text = metadata ? await readFile(join(sitePackages, metadata, 'METADATA'), 'utf8') : '';
  const lines = text.matchAll(/^Requires-Dist: (nvidia-[^;]+?)\s*;.*extra == ["']and-cuda["']/gm);
  return [...lines].map((line) => line[1]!);
}

function isMetadata(name: string): boolean {
  return /^[^/]+\.dist-info\/METADATA$/.test(name);
}

async function checkSpace(cache: string, pin: Pin): Promise<void> {
  const needed = pin.download + pin.unpacked;
  const free = await freeSpace(cache);
  if (free < needed) {
    throw new MachineError(
      `${cache}: ${formatBytes(free)} are free, but TensorFlow needs ${formatBytes(needed)} while it is unpacked and ${formatBytes(pin.unpacked)} afterwards. Free some space or set CHIRPLINE_CACHE to a folder on another disk.`,
    );
  }
}
