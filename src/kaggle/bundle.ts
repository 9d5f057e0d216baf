/** Training on Kaggle: what is uploaded there. */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ConflictError, MachineError, SettingError } from '../core/errors.ts';
import { describeDataset, KERNEL, RUNTIME, SOURCE } from './dataset-names.ts';
import { writeKernel } from './kernel.ts';
import { downloadNode } from './node.ts';
import { writeSource } from './source-dataset.ts';

export interface KaggleSettings {
  /** Name of the account on Kaggle. */
  user: string;
  /** Options of `chirpline train` that the kernel runs with. */
  options: readonly string[];
  log: (line: string) => void;
}

export interface KaggleFile {
  /** Below the folder that was asked for. */
  name: string;
  /** In bytes. */
  size: number;
}

/**
 * Writes three folders into `out`: gw-src-code and gw-node-runtime for `kaggle datasets create`, gw-training for
 * `kaggle kernels push`. Kaggle's machines are Linux on x86-64, and so must this one be: parts are binary.
 *
 * Throws SettingError for an impossible user, ConflictError when a folder is there already, MachineError when
 * something is missing to make them.
 */
export async function writeKaggleBundle(
  out: string,
  { user, options, log }: KaggleSettings,
): Promise<KaggleFile[]> {
  checkUser(user);
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new MachineError(
      `Kaggle's machines are linux x64, this is ${process.platform} ${process.arch}: do it in a Linux container`,
    );
  }
  for (const name of [SOURCE, RUNTIME, KERNEL]) {
    if (existsSync(join(out, name))) {
      throw new ConflictError(`${join(out, name)} is there already: choose another folder or delete it`);
    }
  }
  await mkdir(out, { recursive: true });
  // Complete folders or none: half of one would be uploaded like a whole.
  const draft = await mkdtemp(join(out, '.draft-'));
  try {
    for (const name of [SOURCE, RUNTIME, KERNEL]) await mkdir(join(draft, name));
    await writeSource(join(draft, SOURCE), log);
    await describeDataset(join(draft, SOURCE), user, SOURCE);
    await downloadNode(join(draft, RUNTIME), log);
    await describeDataset(join(draft, RUNTIME), user, RUNTIME);
    await writeKernel(join(draft, KERNEL), user, options);
    for (const name of [SOURCE, RUNTIME, KERNEL]) await rename(join(draft, name), join(out, name));
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return listFiles(out);
}

function checkUser(user: string): void {
  if (/^[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?$/.test(user)) return;
  throw new SettingError(
    `${JSON.stringify(user)} can't be a user of Kaggle: needed small letters, digits and -, as in the address of your page there`,
  );
}

async function listFiles(out: string): Promise<KaggleFile[]> {
  const names = await Promise.all(
    [SOURCE, RUNTIME, KERNEL].map(async (folder) =>
      (await readdir(join(out, folder))).sort().map((name) => `${folder}/${name}`),
    ),
  );
  return Promise.all(names.flat().map(async (name) => ({ name, size: (await stat(join(out, name))).size })));
}
