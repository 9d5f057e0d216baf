import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { MachineError } from '../../core/errors.ts';
import { publish } from './cache.ts';
import { runCommand } from './command.ts';
import type { Library } from './library.ts';
import { SESSION_OPTIONS, SESSION_OPTIONS_MACRO } from './session-options.ts';
import { SILENCE } from './silence-logs.ts';

const require = createRequire(import.meta.url);

/** File name of the addon, for both Node and the dynamic linker. */
export const ADDON = 'tfjs_binding.node';

/** Node-API version of the addon; every Node since 12.22 has it. */
const NODE_API = 8;

/**
 * Compiler arguments without the paths. The addon looks for the two libraries in the folder `tensorflow` beside it, which
 * runtime.ts links to the TensorFlow that was found. So one binary serves every TensorFlow.
 */
const COMPILE = [
  '-O2',
  '-std=c++17',
  '-shared',
  '-fPIC',
  '-s',
  `-DNAPI_VERSION=${NODE_API}`,
  '-DNODE_GYP_MODULE_NAME=tfjs_binding',
  SESSION_OPTIONS_MACRO,
];
const LIBRARIES = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'];
const LINK = [
  '-Wl,--no-as-needed',
  ...LIBRARIES.map((name) => `-l:${name}`),
  '-Wl,-rpath,$ORIGIN/tensorflow',
  '-Wl,-z,initfirst',
];

/** Sources beside those of tfjs, by file name. */
const OWN_SOURCES = { 'silence.cc': SILENCE, 'session-options.cc': SESSION_OPTIONS };

/** Name of the addon's folder in the cache: a hash of the sources, the compiler arguments and the CPU architecture. */
export async function addonName(): Promise<string> {
  const hash = createHash('sha256');
  hash.update([process.arch, ...COMPILE, ...LINK, ...Object.values(OWN_SOURCES)].join('\n'));
  const folder = join(tfjsFolder(), 'binding');
  for (const name of (await readdir(folder)).sort()) {
    hash.update(name).update(await readFile(join(folder, name)));
  }
  return `addon-${hash.digest('hex').slice(0, 16)}`;
}

/**
 * Builds the addon with g++ (a few seconds) unless the cache has it, and returns its path. The headers come from the library's
 * include folder: TensorFlow's C interface is the same in all supported versions. The npm package has a library of its own,
 * but that is TensorFlow 2.9 with CUDA 11. The addon is linked with empty libraries of TensorFlow's names: the linker would
 * take 8 s to read the symbols of the real ones, which it doesn't need.
 *
 * Throws MachineError when g++ is missing or fails.
 */
export async function buildAddon(
  cache: string,
  library: Library,
  log: (line: string) => void,
): Promise<string> {
  const folder = await publish(cache, await addonName(), async (draft) => {
    const include = join(library.folder, 'include');
    if (!existsSync(join(include, 'tensorflow', 'c', 'c_api.h'))) {
      throw new MachineError(
        `${include}: TensorFlow's C headers are missing; they are needed to build the addon between Node and TensorFlow. Use the folder "tensorflow" of a TensorFlow wheel.`,
      );
    }
    log('building the addon between Node and TensorFlow with g++ (once, a few seconds)');
    const tfjs = tfjsFolder();
    const headers = join(dirname(require.resolve('node-api-headers/package.json')), 'include');
    for (const [name, source] of Object.entries(OWN_SOURCES)) await writeFile(join(draft, name), source);
    for (const name of LIBRARIES) {
      const empty = ['-shared', '-nostdlib', `-Wl,-soname,${name}`, '-x', 'c++', '/dev/null'];
      await compile([...empty, '-o', join(draft, name)]);
    }
    await compile([
      ...COMPILE,
      ...['-I', headers, '-I', include, '-I', tfjs],
      ...['-o', join(draft, ADDON)],
      ...['tfjs_backend.cc', 'tfjs_binding.cc'].map((name) => join(tfjs, 'binding', name)),
      ...Object.keys(OWN_SOURCES).map((name) => join(draft, name)),
      `-L${draft}`,
      ...LINK,
    ]);
    for (const name of LIBRARIES) await rm(join(draft, name));
  });
  return join(folder, ADDON);
}

async function compile(args: readonly string[]): Promise<void> {
  const { status, stderr } = await runCommand('g++', args);
  if (status === 'missing') throw new MachineError(COMPILER_MISSING);
  if (status !== 0)
    throw new MachineError(
      `g++ could not build the addon between Node and TensorFlow (status ${status}):\n${stderr.trim().slice(0, 4000)}`,
    );
}

export const COMPILER_ADVICE =
  'Install it (Debian, Ubuntu: apt-get install g++; Fedora, Amazon Linux: dnf install gcc-c++)';

const COMPILER_MISSING = `g++ was not found; it is needed once, to build the addon between Node and TensorFlow. ${COMPILER_ADVICE} and try again. Without it, simulate, preprocess and inspect work; train and predict don't.`;

/** The folder of the npm package, whose binding/ holds the addon's sources. */
function tfjsFolder(): string {
  return dirname(require.resolve('@tensorflow/tfjs-node-gpu/package.json'));
}
