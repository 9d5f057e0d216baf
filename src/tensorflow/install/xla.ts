/** What XLA needs to compile a graph: tools for a GPU, and a folder that keeps compiled graphs between processes. */
import { existsSync } from 'node:fs';
import { access, constants, mkdir } from 'node:fs/promises';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { freeSpace } from './cache.ts';
import { listGpus } from './nvidia.ts';

export interface XlaTools {
  /** Assembler of GPU code. */
  ptxas: string | undefined;
  /** NVIDIA's library of mathematical functions as LLVM code. */
  libdevice: string | undefined;
}

/**
 * Looks for ptxas and libdevice where XLA does (xla/tsl/platform/default/cuda_root_path.cc and xla/stream_executor/cuda/
 * ptx_compiler_helpers.cc, TensorFlow 2.21). They are not part of TensorFlow's wheel.
 *
 * @param tensorflow the folder `tensorflow` of the wheel, links resolved. `root` replaces '/' in tests.
 */
export function findXlaTools(tensorflow: string, env: NodeJS.ProcessEnv, root = '/'): XlaTools {
  const [, named] = /--xla_gpu_cuda_data_dir=(\S+)/.exec(env.XLA_FLAGS ?? '') ?? [];
  const folders = [
    ...(named === undefined ? [] : [named]),
    join(root, 'usr/local/cuda'),
    join(root, 'opt/cuda'),
    join(dirname(tensorflow), 'nvidia/cuda_nvcc'),
    join(dirname(dirname(tensorflow)), 'nvidia/cuda_nvcc'),
  ];
  const first = (paths: string[]) => paths.find((path) => existsSync(path));
  const onPath = (env.PATH ?? '').split(':').filter(Boolean);
  return {
    ptxas: first([...onPath, ...folders.map((folder) => join(folder, 'bin'))].map((at) => join(at, 'ptxas'))),
    libdevice: first(folders.map((folder) => join(folder, 'nvvm/libdevice/libdevice.10.bc'))),
  };
}

/** Why XLA can't compile for a GPU, with advice; undefined if it can. */
export function explainMissingTools({ ptxas, libdevice }: XlaTools): string | undefined {
  const missing = [ptxas === undefined && 'ptxas', libdevice === undefined && 'libdevice.10.bc'].filter(
    Boolean,
  );
  if (missing.length === 0) return undefined;
  return `${missing.join(' and ')} not found. Install the CUDA toolkit, or nvidia-cuda-nvcc-cu12 with pip beside TensorFlow`;
}

/** The folder in which TensorFlow keeps compiled graphs; undefined if it keeps none. */
export function compileCache(env: NodeJS.ProcessEnv): string | undefined {
  return /--tf_xla_persistent_cache_directory=(\S+)/.exec(env.TF_XLA_FLAGS ?? '')?.[1];
}

/** A compiled graph takes a few MB. */
const CACHE_SPACE = 200e6;

/**
 * Tells TensorFlow, before it is loaded, to keep what XLA compiles in a folder of chirpline's cache, one per TensorFlow and
 * device: the code depends on both. A cache that the user chose stays. Without a writable folder each process compiles anew.
 */
export async function useCompileCache(
  cache: string,
  version: string | undefined,
  device: 'cpu' | 'gpu',
  env: NodeJS.ProcessEnv,
): Promise<void> {
  if (compileCache(env) !== undefined) return;
  const [gpu] = device === 'gpu' ? await listGpus(env) : [];
  const hardware = gpu === undefined ? (cpus()[0]?.model ?? process.arch) : `${gpu.name}-${gpu.capability}`;
  const folder = join(cache, `xla-${version ?? 'unknown'}-${hardware.replace(/[^A-Za-z0-9.]+/g, '-')}`);
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK | constants.X_OK);
    if ((await freeSpace(folder)) < CACHE_SPACE) return;
  } catch (error) {
    if (error instanceof Error && 'code' in error) return;
    throw error;
  }
  env.TF_XLA_FLAGS = `${env.TF_XLA_FLAGS ?? ''} --tf_xla_persistent_cache_directory=${folder}`.trim();
}
