import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { PYTHON } from '../support/python.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** This process's environment without a choice of TensorFlow or log level. GPUs are hidden, so tests run the same everywhere. */
export function plainEnvironment(extra: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { CHIRPLINE_TENSORFLOW: _, TF_CPP_MIN_LOG_LEVEL: __, ...rest } = process.env;
  return { ...rest, CUDA_VISIBLE_DEVICES: '-1', ...extra };
}

/** A PATH on which python3 is the test environment's, which has TensorFlow. */
export const PATH_WITH_TENSORFLOW = `${dirname(PYTHON)}:${process.env.PATH}`;

/** Arguments of Node for TypeScript source; `#/` in imports stands for the folder src/. */
function nodeArguments(source: string): string[] {
  return ['--import', 'tsx', '--input-type=module', '--eval', source.replaceAll("'#/", `'${ROOT}src/`)];
}

/** Whether this machine lets everybody mount in a namespace. */
export const CAN_MOUNT = spawnSync('unshare', ['-rm', 'true']).status === 0;

/** Runs TypeScript source while an empty file system with these options is mounted at the folder, for that process alone. */
export function runMounted(options: string, folder: string, source: string): string {
  const mount = 'mount -t tmpfs -o "$0" none "$1" && shift && exec "$@"';
  const command = ['-rm', 'sh', '-c', mount, options, folder, process.execPath, ...nodeArguments(source)];
  const { stdout } = spawnSync('unshare', command, { cwd: ROOT, encoding: 'utf8', timeout: 30_000 });
  return stdout;
}

/** Starts Node on TypeScript source; see nodeArguments. */
export function startNode(source: string, env: NodeJS.ProcessEnv) {
  const args = nodeArguments(source);
  return spawn(process.execPath, args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
}

export async function runNode(source: string, env: NodeJS.ProcessEnv) {
  const child = startNode(source, env);
  const closed = once(child, 'close');
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  await closed;
  return { status: child.exitCode, stdout, stderr };
}

/** Writes a shell script as a program in the folder `bin` and returns that folder, for use as PATH. */
export function writeProgram(folder: string, name: string, script: string): string {
  const bin = join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(bin, name), 0o755);
  return bin;
}
