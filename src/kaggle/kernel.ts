/** The notebook on Kaggle: its launcher and its metadata. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KERNEL, RECORDS, RUNTIME, SOURCE, writeJson } from './dataset-names.ts';

/** The relative path is the same from src/ and from dist/. */
const LAUNCHER = fileURLToPath(new URL('../../containers/kaggle/train.py', import.meta.url));
const FILE = 'train.py';
const NO_ARGUMENTS = '\nARGUMENTS = []\n';

/** Writes train.py, which runs `chirpline train` with the options, and kernel-metadata.json into `folder`. */
export async function writeKernel(folder: string, user: string, options: readonly string[]): Promise<void> {
  const launcher = await readFile(LAUNCHER, 'utf8');
  if (!launcher.includes(NO_ARGUMENTS)) throw new Error(`${LAUNCHER} has no line for the arguments`);
  // A list of strings is the same in JSON and in Python.
  const filled = launcher.replace(NO_ARGUMENTS, () => `\nARGUMENTS = ${JSON.stringify(options)}\n`);
  await writeFile(join(folder, FILE), filled);
  // https://github.com/Kaggle/kaggle-api/wiki/Kernel-Metadata
  await writeJson(join(folder, 'kernel-metadata.json'), {
    id: `${user}/${KERNEL}`,
    title: KERNEL,
    code_file: FILE,
    language: 'python',
    kernel_type: 'script',
    is_private: true,
    enable_gpu: true,
    enable_internet: false,
    dataset_sources: [SOURCE, RUNTIME, RECORDS].map((name) => `${user}/${name}`),
    competition_sources: [],
    kernel_sources: [],
  });
}
