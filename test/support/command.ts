import { type ChildProcess, type SpawnSyncOptions, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

/** The built command line, which `npm test` builds first. */
const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

export interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs `chirpline` with these arguments until it ends. */
export function chirpline(...args: string[]): Ended {
  return chirplineIn({}, ...args);
}

/** The same with another environment or other streams. */
export function chirplineIn(
  options: Pick<SpawnSyncOptions, 'env' | 'stdio' | 'cwd'>,
  ...args: string[]
): Ended {
  const { status, stdout, stderr, error } = spawnSync(process.execPath, [MAIN, ...args], {
    ...options,
    encoding: 'utf8',
  });
  if (error) throw error;
  return { status, stdout, stderr };
}

/** Runs it and returns its standard output. Throws if it fails. */
export function chirplineWell(...args: string[]): string {
  const { status, stdout, stderr } = chirpline(...args);
  if (status !== 0) throw new Error(`chirpline ${args.join(' ')} ended with ${status}: ${stderr}`);
  return stdout;
}

/** Starts it without waiting for its end. */
export function startChirpline(...args: string[]): ChildProcess {
  return spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Runs it until it ends while this process continues, for example to answer its requests. */
export async function chirplineBeside(env: NodeJS.ProcessEnv, ...args: string[]): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const closed = once(child, 'close');
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  await closed;
  return { status: child.exitCode, stdout, stderr };
}
