/** The bundle for Kaggle: from the competition's data to a submission. */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ConflictError, MachineError, SettingError } from '../core/errors.ts';
import { describeDataset, RUNTIME, SOURCE } from './dataset-names.ts';
import { KERNELS, type KernelName, writeKernel } from './kernel.ts';
import { downloadNode } from './node.ts';
import { writeSource } from './source-dataset.ts';

export interface KaggleSettings {
  /** User name on Kaggle. */
  user: string;
  /** The notebooks to be written. */
  kernels: readonly KernelName[];
  /** Options of the commands that they run. */
  options: Readonly<Record<(typeof KERNELS)[KernelName]['step'], readonly string[]>>;
  log: (line: string) => void;
}

export interface KaggleFile {
  /** Path below `out`. */
  name: string;
  /** In bytes. */
  size: number;
}

/**
 * Writes folders into `out`: gw-src-code and gw-node-runtime for `kaggle datasets create`, and one for each notebook for
 * `kaggle kernels push`. This machine must be Linux on x86-64, as Kaggle's machines are: the bundle contains binaries.
 *
 * Throws SettingError for an invalid user, ConflictError when a folder already exists, MachineError when this machine
 * lacks something that is needed to make them.
 */
export async function writeKaggleBundle(
  out: string,
  { user, kernels, options, log }: KaggleSettings,
): Promise<KaggleFile[]> {
  checkUser(user);
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new MachineError(
      `Kaggle's machines are linux x64, this one is ${process.platform} ${process.arch}: run this in a linux x64 container`,
    );
  }
  const folders = [SOURCE, RUNTIME, ...kernels];
  for (const name of folders) {
    if (existsSync(join(out, name))) {
      throw new ConflictError(`${join(out, name)} already exists: choose another folder or delete it`);
    }
  }
  await mkdir(out, { recursive: true });
  // All folders or none: an incomplete folder would be uploaded like a complete one.
  const draft = await mkdtemp(join(out, '.draft-'));
  try {
    for (const name of folders) await mkdir(join(draft, name));
    await writeSource(join(draft, SOURCE), log);
    await describeDataset(join(draft, SOURCE), user, SOURCE);
    await downloadNode(join(draft, RUNTIME), log);
    await describeDataset(join(draft, RUNTIME), user, RUNTIME);
    const ownRecords = !kernels.includes('gw-preprocess');
    for (const name of kernels)
      await writeKernel(join(draft, name), name, { user, options: options[KERNELS[name].step], ownRecords });
    for (const name of folders) await rename(join(draft, name), join(out, name));
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return listFiles(out, folders);
}

function checkUser(user: string): void {
  if (/^[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?$/.test(user)) return;
  throw new SettingError(
    `${JSON.stringify(user)} can't be a Kaggle user name: needed lowercase letters, digits and -, as in the address of your Kaggle page`,
  );
}

async function listFiles(out: string, folders: readonly string[]): Promise<KaggleFile[]> {
  const names = await Promise.all(
    folders.map(async (folder) =>
      (await readdir(join(out, folder))).sort().map((name) => `${folder}/${name}`),
    ),
  );
  return Promise.all(names.flat().map(async (name) => ({ name, size: (await stat(join(out, name))).size })));
}
