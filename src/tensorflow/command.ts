import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { errorCode } from './cache.ts';

export interface CommandResult {
  /** 0 when it went well, 'missing' when there is no such program, the signal's name when one ended it. */
  status: number | string;
  stdout: string;
  stderr: string;
}

/** Runs a program without a shell and waits for its end; a failure is a status, not an exception. */
export async function runCommand(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<CommandResult> {
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
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
