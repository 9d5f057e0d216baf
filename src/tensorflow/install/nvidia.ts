import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LowType } from '../graph/precision.ts';
import { runCommand } from './command.ts';

/** Folders in which distributions, WSL and the NVIDIA container runtime put the driver's library. */
const LIBRARY_FOLDERS = [
  '/usr/lib/x86_64-linux-gnu',
  '/usr/lib/aarch64-linux-gnu',
  '/usr/lib64',
  '/usr/lib',
  '/usr/lib/wsl/lib',
  '/usr/local/nvidia/lib64',
];

export interface NvidiaDriver {
  /** Path of libcuda.so.1, the part of the driver that programs load. */
  library: string | undefined;
  /** The driver's device file. Without one (in a container started without a GPU) no GPU can be used. */
  device: string | undefined;
  /** The kernel module's version, like '550.54.15'. */
  version: string | undefined;
}

/** Looks for an NVIDIA driver without loading it. `root` replaces '/' in tests. */
export function findNvidiaDriver(env: NodeJS.ProcessEnv, root = '/'): NvidiaDriver {
  const folders = [...(env.LD_LIBRARY_PATH ?? '').split(':').filter(Boolean), ...LIBRARY_FOLDERS];
  const first = (paths: string[]) => paths.map((path) => join(root, path)).find((path) => existsSync(path));
  const description = first(['/proc/driver/nvidia/version']);
  return {
    library: first(folders.map((folder) => join(folder, 'libcuda.so.1'))),
    device: first(['/dev/nvidiactl', '/dev/dxg']),
    version: description && /\s(\d+\.\d+(?:\.\d+)?)\s/.exec(readFileSync(description, 'utf8'))?.[1],
  };
}

/** Whether a GPU seems usable. CUDA_VISIBLE_DEVICES hides all GPUs when it is empty or -1. */
export function seesGpu(env: NodeJS.ProcessEnv, root = '/'): boolean {
  const hidden = env.CUDA_VISIBLE_DEVICES === '' || env.CUDA_VISIBLE_DEVICES === '-1';
  return !hidden && isUsable(findNvidiaDriver(env, root));
}

/** Whether the driver is complete: the library that programs load, and a device. */
export function isUsable(driver: NvidiaDriver): boolean {
  return driver.library !== undefined && driver.device !== undefined;
}

export interface Gpu {
  /** Like 'Tesla T4'. */
  name: string;
  /** CUDA's compute capability, like 7.5. */
  capability: number;
}

/** All NVIDIA GPUs of this machine, also hidden ones, as nvidia-smi lists them; none if it can't be run. */
export async function listGpus(env: NodeJS.ProcessEnv): Promise<Gpu[]> {
  const query = ['--query-gpu=name,compute_cap', '--format=csv,noheader'];
  const run = await runCommand('nvidia-smi', query, env);
  if (run.status !== 0) return [];
  return run.stdout
    .trim()
    .split('\n')
    .map((line) => line.split(', '))
    .map(([name = '', capability = '']) => ({ name, capability: Number(capability) }));
}

/**
 * TensorFlow's names of the GPUs that CUDA_VISIBLE_DEVICES leaves visible: `/device:GPU:0`, ... Empty if they aren't all alike, or
 * some are unknown: TensorFlow leaves out GPUs that are much slower than others, and equal shares fit only equal GPUs.
 */
export function nameDevices(
  gpus: readonly Gpu[],
  { CUDA_VISIBLE_DEVICES: chosen }: NodeJS.ProcessEnv,
): string[] {
  const entries = chosen?.split(',').map((entry) => entry.trim()) ?? [...gpus.keys()].map(String);
  // CUDA ignores what follows an entry that names no GPU.
  const end = entries.findIndex((entry) => !/^(\d+|GPU-.*)$/.test(entry) || Number(entry) >= gpus.length);
  const visible = end < 0 ? entries : entries.slice(0, end);
  return new Set(gpus.map(({ name }) => name)).size === 1 ? visible.map((_, i) => `/device:GPU:${i}`) : [];
}

/**
 * The 16-bit type that all these GPUs compute fast in: bfloat16 since Ampere (8.0), float16 since Volta (7.0), none before.
 * An unknown GPU is taken for a new one.
 */
export function fastLowType(gpus: readonly Gpu[]): LowType | undefined {
  const oldest = Math.min(...gpus.map(({ capability }) => capability).filter((value) => value > 0));
  if (oldest >= 8) return 'bfloat16';
  return oldest >= 7 ? 'float16' : undefined;
}
