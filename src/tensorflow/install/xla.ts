/** What XLA needs to compile a graph: tools for a GPU, and a folder that keeps compiled graphs between processes. */
import { existsSync } from 'node:fs';
import { access, constants, mkdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { freeSpace } from '../../core/free-space.ts';
import { sha256 } from '../../core/sha256.ts';
import { errorCode } from './cache.ts';
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
  const [, quoted, plain] = CACHE_FLAG.exec(env.TF_XLA_FLAGS ?? '') ?? [];
  return quoted?.replace(/\\(.)/g, '$1') ?? plain;
}

const CACHE_FLAG = /--tf_xla_persistent_cache_directory=(?:"((?:[^"\\]|\\.)*)"|(\S+))/;

/** A compiled graph takes a few MB. */
const CACHE_SPACE = 200e6;

/**
 * Adds a flag to `env.TF_XLA_FLAGS`, before TensorFlow is loaded, that makes it keep what XLA compiles for a GPU in a folder of
 * chirpline's cache. TensorFlow's own key has neither its version nor the GPU, so the folder's name has both. A cache that the
 * user chose stays. Nothing is kept if the GPU is unknown or the folder can't be written; then each process compiles.
 *
 * @param tensorflow see findXlaTools.
 */
export async function useCompileCache(
  cache: string,
  tensorflow: string,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const flags = env.TF_XLA_FLAGS ?? '';
  // Without a leading dash it names a file with flags.
  if (compileCache(env) !== undefined || (flags !== '' && !flags.trimStart().startsWith('-'))) return;
  const gpus = await listGpus(env);
  if (gpus.length === 0) return;
  try {
    const { size, mtimeMs } = await stat(join(tensorflow, 'libtensorflow_cc.so.2'));
    const identity = JSON.stringify([tensorflow, size, mtimeMs, gpus, env.CUDA_VISIBLE_DEVICES]);
    const folder = join(cache, `xla-${sha256(identity).toString('hex').slice(0, 16)}`);
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK | constants.X_OK);
    if ((await freeSpace(folder)) < CACHE_SPACE) return;
    // TensorFlow splits the flags at whitespace, except in quotes.
    const quoted = folder.replace(/["\\]/g, '\\$&');
    env.TF_XLA_FLAGS = `${flags} --tf_xla_persistent_cache_directory="${quoted}"`.trim();
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
  }
}
