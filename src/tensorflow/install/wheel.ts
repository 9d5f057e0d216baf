import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MachineError } from '../../core/errors.ts';
import { freeSpace, publish } from './cache.ts';
import { LIBRARIES } from './library.ts';
import { megabytes, type Pin } from './pins.ts';
import { downloadWheels } from './pip.ts';
import { checkHash, unpack } from './unpack.ts';

/** What of the wheel is kept: the libraries, the C headers (all that the addon's sources include), what it is. */
const KEPT = [
  ...LIBRARIES.map((name) => `tensorflow/${name}`),
  'tensorflow/python/platform/build_info.py',
  'tensorflow/include/tensorflow/c/',
  'tensorflow/include/tensorflow/core/platform/ctstring',
  'tensorflow/include/tsl/platform/ctstring',
  'tensorflow/include/xla/tsl/c/',
];

/** Folder of the cache where the pin's wheel is, or will be, unpacked as in a site-packages folder. */
export function wheelName(pin: Pin): string {
  return `${pin.requirement.replace('==', '-')}-${pin.sha256.slice(0, 12)}`;
}

/**
 * Downloads the pinned wheel and unpacks it, unless the cache has it; returns its folder `tensorflow`. Log lines say
 * what takes time. Throws MachineError: no Python, pip or network, too little disk, a file with another hash.
 *
 * The wheels with CUDA that go with a CUDA build are those that its metadata names (`pip install
 * tensorflow[and-cuda]`): the newest ones in its version ranges, which pip checks against the index's hashes.
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
      `downloading ${pin.requirement} for ${pin.cuda ? 'NVIDIA GPUs' : 'the CPU'}, ${megabytes(pin.download)}, into ${cache} (once)`,
    );
    const [wheel] = await downloadWheels([pin.requirement], pin.platforms, downloads, log, env);
    if (wheel === undefined) throw new MachineError(`pip left no file for ${pin.requirement}`);
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
    // Headers and static libraries are for compilers; cuda_nvcc's programs and bitcode are TensorFlow's own.
    await unpack(wheel, draft, (name) => name.startsWith('nvidia/') && !/\/include\/|\.a$/.test(name));
    await rm(wheel);
  }
}

/** The wheels with CUDA that a TensorFlow wheel names in its metadata as the extra `and-cuda`. */
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
      `${cache}: ${megabytes(free)} are free, TensorFlow needs ${megabytes(needed)} while it is unpacked and ${megabytes(pin.unpacked)} from then on. Free some space or set CHIRPLINE_CACHE to a folder on another disk.`,
    );
  }
}
