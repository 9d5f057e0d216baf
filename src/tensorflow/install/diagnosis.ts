import { constants, existsSync } from 'node:fs';
import { access, realpath } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { MachineError } from '../../core/errors.ts';
import type { Finding } from '../../core/finding.ts';
import { formatBytes } from '../../core/format-bytes.ts';
import { freeSpace } from '../../core/free-space.ts';
import { ADDON, addonName, COMPILER_ADVICE } from './addon.ts';
import { cacheFolder, type FindUser } from './cache.ts';
import { type Choice, chooseLibrary } from './choose.ts';
import { runCommand } from './command.ts';
import { isNoexec } from './noexec.ts';
import { findNvidiaDriver, isUsable, seesGpu } from './nvidia.ts';
import { PIP_ADVICE } from './pip.ts';
import { explainMissingTools, findXlaTools } from './xla.ts';

/**
 * Checks the requirements of training on this machine and reports what the first `loadTensorFlow()` would do. Downloads,
 * builds and writes nothing, and doesn't load TensorFlow.
 */
export async function examineTensorFlow(
  env: NodeJS.ProcessEnv = process.env,
  findUser: FindUser = userInfo,
): Promise<Finding[]> {
  const cache = findCache(env, findUser);
  if (typeof cache !== 'string') {
    return [
      examineNode(process.versions.node),
      await examineCompiler(false, env),
      await examinePip(true, env),
      cache,
    ];
  }
  const choice = await tryToChoose(cache, env);
  const addon = join(cache, await addonName(), ADDON);
  return [
    examineNode(process.versions.node),
    await examineCompiler(existsSync(addon), env),
    await examinePip('pin' in choice, env),
    describeChoice(choice),
    describeAddon(addon),
    describeGpu(env),
    describeXla('library' in choice ? await realpath(choice.library.folder) : undefined, env),
    await examineCache(
      cache,
      'pin' in choice ? choice.pin.download + choice.pin.unpacked : 0,
      existsSync(addon),
    ),
  ];
}

/** The folder, or the finding that there is none. */
function findCache(env: NodeJS.ProcessEnv, findUser: FindUser): string | Finding {
  try {
    return cacheFolder(env, findUser);
  } catch (error) {
    if (error instanceof MachineError) return { name: 'cache', status: 'missing', detail: error.message };
    throw error;
  }
}

/** The choice of a TensorFlow, or the error that prevents it. */
async function tryToChoose(cache: string, env: NodeJS.ProcessEnv): Promise<Choice | { error: MachineError }> {
  try {
    return await chooseLibrary('auto', cache, env);
  } catch (error) {
    if (error instanceof MachineError) return { error };
    throw error;
  }
}

/** `version` is process.versions.node. The field engines of package.json requires the same. */
export function examineNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const name = 'Node.js';
  if (major > 20 || (major === 20 && minor >= 11)) return { name, status: 'ok', detail: version };
  return { name, status: 'missing', detail: version, advice: 'Install Node.js 20.11 or later' };
}

async function examineCompiler(built: boolean, env: NodeJS.ProcessEnv): Promise<Finding> {
  const name = 'g++';
  const run = await runCommand('g++', ['--version'], env);
  if (run.status === 0) return { name, status: 'ok', detail: run.stdout.split('\n')[0] ?? '' };
  if (built) return { name, status: 'ok', detail: 'not found, but not needed: the addon is built' };
  return {
    name,
    status: 'missing',
    detail: 'not found; it is needed to build the addon',
    advice: COMPILER_ADVICE,
  };
}

async function examinePip(needed: boolean, env: NodeJS.ProcessEnv): Promise<Finding> {
  const name = 'Python with pip';
  const run = await runCommand('python3', ['-m', 'pip', '--version'], env);
  if (run.status === 0) return { name, status: 'ok', detail: run.stdout.trim() };
  const detail = run.status === 'missing' ? 'python3 not found' : 'python3 has no pip';
  if (!needed) return { name, status: 'ok', detail: `${detail}, but not needed: TensorFlow is installed` };
  return {
    name,
    status: 'missing',
    detail: `${detail}; it is needed to download TensorFlow`,
    advice: PIP_ADVICE,
  };
}

function describeChoice(choice: Choice | { error: MachineError }): Finding {
  const name = 'TensorFlow';
  if ('error' in choice) return { name, status: 'missing', detail: choice.error.message };
  if ('library' in choice) {
    const { version, cuda, folder, origin } = choice.library;
    const kind = cuda ? 'with CUDA' : 'for the CPU';
    return { name, status: 'ok', detail: `${version ?? 'unknown version'} ${kind}, ${origin} (${folder})` };
  }
  return {
    name,
    status: 'warn',
    detail: `none yet (${choice.passedOver})`,
    advice: `The first training downloads ${choice.pin.requirement} (${formatBytes(choice.pin.download)})`,
  };
}

function describeAddon(addon: string): Finding {
  const name = 'addon';
  if (existsSync(addon)) return { name, status: 'ok', detail: addon };
  return { name, status: 'ok', detail: 'not built yet; the first training builds it, in a few seconds' };
}

function describeGpu(env: NodeJS.ProcessEnv): Finding {
  const name = 'NVIDIA GPU';
  const driver = findNvidiaDriver(env);
  if (isUsable(driver)) return { name, status: 'ok', detail: `driver ${driver.version ?? driver.library}` };
  if (!driver.library && !driver.device) {
    return { name, status: 'ok', detail: 'no driver found; TensorFlow uses the CPU' };
  }
  return {
    name,
    status: 'warn',
    detail: driver.library
      ? `${driver.library} exists, but the device /dev/nvidiactl is missing`
      : `${driver.device} exists, but libcuda.so.1 is missing`,
    advice: 'Start a container with its GPUs (docker run --gpus all). Without them, TensorFlow uses the CPU',
  };
}

/** `tensorflow`: folder of the TensorFlow in use; undefined before it is downloaded. */
function describeXla(tensorflow: string | undefined, env: NodeJS.ProcessEnv): Finding {
  const name = 'XLA';
  if (!seesGpu(env)) return { name, status: 'ok', detail: 'not used: it compiles steps for a GPU' };
  if (tensorflow === undefined) return { name, status: 'ok', detail: 'its tools come with TensorFlow' };
  const tools = findXlaTools(tensorflow, env);
  const problem = explainMissingTools(tools);
  if (problem === undefined) return { name, status: 'ok', detail: `${tools.ptxas}, ${tools.libdevice}` };
  return {
    name,
    status: 'warn',
    detail: 'steps on the GPU run uncompiled, which is slower',
    advice: problem,
  };
}

/** `needed`: bytes to download and unpack there; `built`: whether the addon is already there. */
async function examineCache(cache: string, needed: number, built: boolean): Promise<Finding> {
  const name = 'cache';
  let existing = cache;
  while (!existsSync(existing)) existing = dirname(existing);
  const advice = 'Set CHIRPLINE_CACHE to another folder';
  const free = await freeSpace(existing);
  const detail = `${cache}, ${formatBytes(free)} free`;
  if (free < needed) {
    return { name, status: 'missing', detail: `${detail}, ${formatBytes(needed)} needed`, advice };
  }
  if (isNoexec(cache)) {
    return {
      name,
      status: 'missing',
      detail: `${detail}, mounted with noexec: no library can be loaded from there`,
      advice,
    };
  }
  const writable = await access(existing, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
  return writable
    ? { name, status: 'ok', detail }
    : {
        name,
        status: needed > 0 || !built ? 'missing' : 'warn',
        detail: `${detail}, can't be written`,
        advice,
      };
}
