import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { errorCode } from './cache.ts';

export interface CommandResult {
  /** 0 when it went well, 'missing' when there is no such program, the signal's name when one ended it. */
  status: number | string;
  stdout: string;
  stderr: string;
}

/**
 * Where programs run: in the folder of our own code, not in the user's. Python imports modules, `pip` among them, from where
 * it stands, also by an empty entry of PYTHONPATH, and that may be a folder of downloaded data. Its -P is of Python 3.11, and
 * -I leaves PYTHONPATH and the user's packages out, where TensorFlow may be.
 */
const FOLDER = dirname(fileURLToPath(import.meta.url));

/**
 * Runs a program without a shell and waits for its end; a failure is a status, not an exception. Paths among the arguments
 * must be absolute, since the current folder is another one.
 */
export async function runCommand(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<CommandResult> {
  const child = spawn(program, args, { cwd: FOLDER, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = Promise.all([text(child.stdout), text(child.stderr)]);
  try {
    const [code, signal]: (number | string | null)[] = await once(child, 'close');
    const [stdout, stderr] = await output;
    return { status: code ?? signal ?? 'unknown', stdout, stderr };
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    return { status: 'missing', stdout: '', stderr: '' };
  }
}
