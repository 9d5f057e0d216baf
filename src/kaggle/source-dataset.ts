/** The dataset with the program, as two archives: our own code, and its dependencies. The launcher is a file beside them. */
import { cp, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ADDON, addonName } from '../tensorflow/install/addon.ts';
import { prepareTensorFlow } from '../tensorflow/install/load.ts';
import { copyProgram } from './program-files.ts';
import { zipFolder } from './zip-folder.ts';

/** Size limit of our own code, zipped [bytes]. */
const CODE_LIMIT = 200_000;
/** The newest symbol versions in the C and C++ libraries of Kaggle's image, which is Ubuntu 22.04. */
const NEWEST: Readonly<Record<string, readonly number[]>> = { GLIBC: [2, 35], GLIBCXX: [3, 4, 30] };

/** The relative path is the same from src/ and from dist/. */
const LAUNCHER = fileURLToPath(new URL('../../containers/kaggle/launch.py', import.meta.url));

/** Writes launch.py, code.zip and packages.zip into `folder`. Throws MachineError when the addon can't be built here. */
export async function writeSource(folder: string, log: (line: string) => void): Promise<void> {
  const draft = await mkdtemp(join(tmpdir(), 'chirpline-kaggle-'));
  try {
    const program = join(draft, 'program');
    await copyProgram(program);
    await cp(LAUNCHER, join(folder, 'launch.py'));
    const size = await zipFolder(join(program, 'code'), join(folder, 'code.zip'));
    if (size > CODE_LIMIT) throw new Error(`code.zip has ${size} bytes, more than ${CODE_LIMIT}`);
    const packages = join(draft, 'packages');
    for (const part of ['packages', 'node_modules', 'build']) {
      await cp(join(program, part), join(packages, part), { recursive: true });
    }
    await checkNative(join(packages, 'build'), log);
    await copyAddon(join(packages, 'cache'), log);
    await zipFolder(packages, join(folder, 'packages.zip'));
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** Says what chirpline's own addon costs on Kaggle if it can't be loaded there. */
async function checkNative(folder: string, log: (line: string) => void): Promise<void> {
  const [name] = await readdir(folder);
  const symbol = name && findNewer(await readFile(join(folder, name)), NEWEST);
  if (name !== undefined && symbol === undefined) return;
  const why = name === undefined ? "isn't built" : `needs ${symbol}, which Kaggle's image lacks`;
  log(`chirpline's addon ${why}: preprocessing on Kaggle uses WebAssembly, which is slower`);
}

/**
 * Copies the addon to where the program on Kaggle looks for it. An addon that is too new for Kaggle's image is left
 * out, and built on Kaggle.
 */
async function copyAddon(cache: string, log: (line: string) => void): Promise<void> {
  const { addon: file } = await prepareTensorFlow({ device: 'cpu', log });
  const symbol = findNewer(await readFile(file), NEWEST);
  if (symbol !== undefined) {
    log(
      `the addon needs ${symbol}, which Kaggle's image lacks: it will be built on Kaggle, which takes a few seconds`,
    );
    return;
  }
  const folder = join(cache, await addonName());
  await mkdir(folder, { recursive: true });
  await cp(file, join(folder, ADDON));
}

/** A versioned symbol in a binary, like GLIBC_2.38, that is newer than the version of the same kind in `newest`. */
export function findNewer(
  binary: Uint8Array,
  newest: Readonly<Record<string, readonly number[]>>,
): string | undefined {
  const text = Buffer.from(binary).toString('latin1');
  for (const [symbol, kind = '', version = ''] of text.matchAll(/\b([A-Z]+)_(\d+(?:\.\d+)+)\0/g)) {
    const limit = newest[kind];
    if (limit !== undefined && isNewer(version.split('.').map(Number), limit)) return symbol.slice(0, -1);
  }
  return undefined;
}

function isNewer(version: readonly number[], limit: readonly number[]): boolean {
  const place = version.findIndex((part, i) => part !== (limit[i] ?? 0));
  return place >= 0 && version[place]! > (limit[place] ?? 0);
}
