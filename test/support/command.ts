import { type ChildProcess, type SpawnSyncOptions, spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The built command line; `npm test` builds it first. */
const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

export interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs `chirpline` with these arguments to its end. */
export function chirpline(...args: string[]): Ended {
  return chirplineIn({}, ...args);
}

/** The same with another environment or other streams. */
export function chirplineIn(options: Pick<SpawnSyncOptions, 'env' | 'stdio'>, ...args: string[]): Ended {
  const { status, stdout, stderr, error } = spawnSync(process.execPath, [MAIN, ...args], {
    ...options,
    encoding: 'utf8',
  });
  if (error) throw error;
  return { status, stdout, stderr };
}

/** Runs it and throws unless it ends well; returns its standard output. */
export function chirplineWell(...args: string[]): string {
  const { status, stdout, stderr } = chirpline(...args);
  if (status !== 0) throw new Error(`chirpline ${args.join(' ')} ended with ${status}: ${stderr}`);
  return stdout;
}

/** Starts it and lets it run. */
export function startChirpline(...args: string[]): ChildProcess {
  return spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
}
