import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { errorCode } from './cache.ts';

export interface CommandResult {
  /** Exit code, 'missing' if there is no such program, or the name of the signal that ended it. */
  status: number | string;
  stdout: string;
  stderr: string;
}

/**
 * Working folder of programs: that of our own code, not the user's. Python imports modules, including `pip`, from its working
 * folder, also through an empty entry of PYTHONPATH, and the user's may hold downloaded data. Python's option -P needs 3.11,
 * and -I ignores PYTHONPATH and the user's packages, where TensorFlow may be.
 */
const FOLDER = dirname(fileURLToPath(import.meta.url));

/**
 * Runs a program without a shell and waits for it to end. A failure is a status, not an exception. Paths among the arguments
 * must be absolute, since the program has another working folder.
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
