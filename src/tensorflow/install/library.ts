import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { MachineError } from '../../core/errors.ts';
import { runCommand } from './command.ts';

/** A folder with libtensorflow, laid out like a Python wheel. */
export interface Library {
  /** The folder `tensorflow` that holds libtensorflow_cc.so.2, libtensorflow_framework.so.2 and include/. */
  folder: string;
  /** Like '2.21.0'; undefined if there is no package metadata beside the folder. */
  version: string | undefined;
  /** Whether it is built with CUDA: it can use an NVIDIA GPU, and runs on the CPU too. */
  cuda: boolean;
  /** How it was found, for messages. */
  origin: string;
}

/** Result of a search: a library, or why there is none. */
export type Found = { library: Library } | { reason: string };

export const LIBRARIES = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'] as const;

/** Name of the environment variable that chooses a TensorFlow by its folder. */
export const SETTING = 'CHIRPLINE_TENSORFLOW';

/** The oldest TensorFlow 2 whose wheels were tested with the addon. */
const OLDEST_MINOR = 18;

/** Reads the folder `tensorflow` of a site-packages folder. Returns a reason if it holds no supported TensorFlow. */
export async function readLibrary(folder: string, origin: string): Promise<Found> {
  const missing = LIBRARIES.find((name) => !existsSync(join(folder, name)));
  if (missing) return { reason: `${folder} holds no ${missing}` };
  const version = await readVersion(folder);
  const reason = version === undefined ? undefined : unsupported(version);
  if (reason) return { reason: `${folder}: ${reason}` };
  return { library: { folder, version, cuda: await isCudaBuild(folder), origin } };
}

/** The library that CHIRPLINE_TENSORFLOW names; undefined if it isn't set. Throws MachineError if it names none. */
export async function findChosenLibrary(env: NodeJS.ProcessEnv): Promise<Library | undefined> {
  const setting = env[SETTING];
  if (!setting) return undefined;
  const found = await readLibrary(resolve(setting), `${SETTING}=${setting}`);
  if ('library' in found) return found.library;
  throw new MachineError(
    `${SETTING}: ${found.reason}. Set it to the folder "tensorflow" of a Python environment's site-packages, or unset it to let chirpline find TensorFlow.`,
  );
}

/** The library of the TensorFlow that `python3` would import. Python locates it without importing it. */
export async function findPythonLibrary(env: NodeJS.ProcessEnv): Promise<Found> {
  // '' is the current folder, where a folder named tensorflow isn't the package.
  const source = `import importlib.util, sys
sys.path = [p for p in sys.path if p]
spec = importlib.util.find_spec('tensorflow')
print(list(spec.submodule_search_locations or [''])[0] if spec else '')`;
  const run = await runCommand('python3', ['-c', source], env);
  if (run.status === 'missing') return { reason: 'python3 was not found' };
  if (run.status !== 0) return { reason: `python3 failed with status ${run.status}: ${run.stderr.trim()}` };
  // The user's site customization may print lines before it.
  const folder = run.stdout.split('\n').at(-2);
  if (!folder) return { reason: 'python3 has no TensorFlow' };
  return readLibrary(folder, "python3's TensorFlow");
}

/** The version from the name of the metadata folder beside the package: tensorflow_cpu-2.21.0.dist-info. */
async function readVersion(folder: string): Promise<string | undefined> {
  if (basename(folder) !== 'tensorflow') return undefined;
  for (const name of await readdir(dirname(folder))) {
    const version =
      /^(?:tensorflow|tensorflow_cpu|tensorflow_gpu|tf_nightly)-(\d+\.\d+[^-]*)\.dist-info$/.exec(name)?.[1];
    if (version) return version;
  }
  return undefined;
}

function unsupported(version: string): string | undefined {
  const [major, minor] = version.split('.').map(Number);
  if (major === 2 && minor !== undefined && minor >= OLDEST_MINOR) return undefined;
  return `TensorFlow ${version} is not supported; 2.${OLDEST_MINOR} or a later 2.x is needed`;
}

async function isCudaBuild(folder: string): Promise<boolean> {
  const path = join(folder, 'python', 'platform', 'build_info.py');
  return existsSync(path) && /'is_cuda_build', True/.test(await readFile(path, 'utf8'));
}
