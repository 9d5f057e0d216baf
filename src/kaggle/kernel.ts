/** The notebooks on Kaggle: each is a script that runs one step, and its metadata. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { COMPETITION, RECORDS, RUNTIME, SOURCE, writeJson } from './dataset-names.ts';

interface Kernel {
  /** The command that it runs. */
  step: 'preprocess' | 'train' | 'predict';
  gpu: boolean;
  /** Whether it reads the competition's data. */
  competition: boolean;
  /** The notebook whose output it takes. */
  after?: KernelName;
}
export type KernelName = 'gw-preprocess' | 'gw-training' | 'gw-predict';

/** In the order in which they run. */
export const KERNELS: Readonly<Record<KernelName, Kernel>> = {
  'gw-preprocess': { step: 'preprocess', gpu: false, competition: true },
  'gw-training': { step: 'train', gpu: true, competition: false, after: 'gw-preprocess' },
  'gw-predict': { step: 'predict', gpu: true, competition: true, after: 'gw-training' },
};
export const KERNEL_NAMES = Object.keys(KERNELS) as KernelName[];

/** The relative path is the same from src/ and from dist/. */
const SCRIPT = fileURLToPath(new URL('../../containers/kaggle/kernel.py', import.meta.url));

export interface KernelSettings {
  user: string;
  /** Options of the command. */
  options: readonly string[];
  /** Whether the records are a dataset of the user, not the output of gw-preprocess. */
  ownRecords: boolean;
}

/** Writes the script and kernel-metadata.json into `folder`. */
export async function writeKernel(
  folder: string,
  name: KernelName,
  { user, options, ownRecords }: KernelSettings,
): Promise<void> {
  const { step, gpu, competition, after } = KERNELS[name];
  const file = `${step}.py`;
  const script = await readFile(SCRIPT, 'utf8');
  await writeFile(join(folder, file), fill(fill(script, 'STEP', '""', step), 'ARGUMENTS', '[]', options));
  const takesOwn = ownRecords && after === 'gw-preprocess';
  const datasets = [SOURCE, RUNTIME, ...(takesOwn ? [RECORDS] : [])];
  const kernels = after === undefined || takesOwn ? [] : [after];
  // https://github.com/Kaggle/kaggle-api/wiki/Kernel-Metadata
  await writeJson(join(folder, 'kernel-metadata.json'), {
    id: `${user}/${name}`,
    title: name,
    code_file: file,
    language: 'python',
    kernel_type: 'script',
    is_private: true,
    enable_gpu: gpu,
    enable_internet: false,
    dataset_sources: datasets.map((dataset) => `${user}/${dataset}`),
    competition_sources: competition ? [COMPETITION] : [],
    kernel_sources: kernels.map((kernel) => `${user}/${kernel}`),
  });
}

/** Sets a variable of the script. A string and a list of strings are the same in JSON and in Python. */
function fill(script: string, variable: string, empty: string, value: string | readonly string[]): string {
  const line = `\n${variable} = ${empty}\n`;
  if (!script.includes(line)) throw new Error(`${SCRIPT} has no line ${variable} = ${empty}`);
  return script.replace(line, () => `\n${variable} = ${JSON.stringify(value)}\n`);
}
