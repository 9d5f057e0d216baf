/** The notebooks on Kaggle: each is a script that runs one step, and its metadata. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { COMPETITION, RECORDS, RUNTIME, SOURCE, writeJson } from './dataset-names.ts';

/** The notebooks in the order in which they run: each one's input is the output of the one before. */
export const KERNELS = ['gw-preprocess', 'gw-training', 'gw-predict'] as const;
export type KernelName = (typeof KERNELS)[number];

/** The command that each one runs. */
export const STEPS = {
  'gw-preprocess': 'preprocess',
  'gw-training': 'train',
  'gw-predict': 'predict',
} as const;

/** The relative path is the same from src/ and from dist/. */
const SCRIPT = fileURLToPath(new URL('../../containers/kaggle/kernel.py', import.meta.url));

export interface KernelSettings {
  user: string;
  /** Options of the command. */
  options: readonly string[];
  /** Whether the records are those of gw-preprocess, not a dataset of the user. */
  recordsThere: boolean;
}

/** Writes the script and kernel-metadata.json into `folder`. */
export async function writeKernel(
  folder: string,
  name: KernelName,
  { user, options, recordsThere }: KernelSettings,
): Promise<void> {
  const step = STEPS[name];
  const file = `${step}.py`;
  const script = await readFile(SCRIPT, 'utf8');
  // A string and a list of strings are the same in JSON and in Python.
  const filled = Object.entries({ STEP: ['""', step], ARGUMENTS: ['[]', options] }).reduce(
    (text, [variable, [empty, value]]) => {
      const line = `\n${variable} = ${empty}\n`;
      if (!text.includes(line)) throw new Error(`${SCRIPT} has no line ${variable} = ${empty}`);
      return text.replace(line, () => `\n${variable} = ${JSON.stringify(value)}\n`);
    },
    script,
  );
  await writeFile(join(folder, file), filled);
  const earlier: KernelName[] =
    name === 'gw-predict' ? ['gw-training'] : name === 'gw-training' && recordsThere ? ['gw-preprocess'] : [];
  const datasets = [SOURCE, RUNTIME, ...(name === 'gw-training' && !recordsThere ? [RECORDS] : [])];
  // https://github.com/Kaggle/kaggle-api/wiki/Kernel-Metadata
  await writeJson(join(folder, 'kernel-metadata.json'), {
    id: `${user}/${name}`,
    title: name,
    code_file: file,
    language: 'python',
    kernel_type: 'script',
    is_private: true,
    enable_gpu: name !== 'gw-preprocess',
    enable_internet: false,
    dataset_sources: datasets.map((dataset) => `${user}/${dataset}`),
    competition_sources: name === 'gw-training' ? [] : [COMPETITION],
    kernel_sources: earlier.map((kernel) => `${user}/${kernel}`),
  });
}
