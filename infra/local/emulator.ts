/** Processes of the emulated cloud: started in the background, found again by their number, ended. */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MachineError } from '../../src/core/errors.ts';

export interface ServiceSettings {
  name: string;
  /** Gets the log and the process number. */
  folder: string;
  command: string[];
  /** All that it gets; this process' own environment isn't added. */
  env: NodeJS.ProcessEnv;
  /** Answers with 200 when the service is ready. */
  health: string;
}

const START_LIMIT = 60_000;
/** ministack doesn't always heed SIGTERM. */
const STOP_LIMIT = 3_000;
const INTERVAL = 50;

/** Starts the service unless it answers already; resolves to whether it did. Throws MachineError when it doesn't come up. */
export async function startService({
  name,
  folder,
  command,
  env,
  health,
}: ServiceSettings): Promise<boolean> {
  if (await answers(health)) {
    if (readPid(folder, name) !== undefined) return false;
    throw new MachineError(`something else answers at ${health}. End it, or choose another port`);
  }
  mkdirSync(folder, { recursive: true });
  const logFile = join(folder, `${name}.log`);
  const log = openSync(logFile, 'w');
  const child = spawn(command[0]!, command.slice(1), {
    detached: true,
    stdio: ['ignore', log, log],
    env,
  });
  closeSync(log);
  child.unref();
  const failure = new Promise<Error>((resolve) => child.once('error', resolve));
  const deadline = Date.now() + START_LIMIT;
  while (!(await answers(health))) {
    const error = await Promise.race([failure, sleep(INTERVAL)]);
    if (error instanceof Error || child.exitCode !== null || Date.now() > deadline) {
      throw new MachineError(
        `${name} did not start: ${error?.message ?? readFileSync(logFile, 'utf8').slice(-2000)}`,
      );
    }
  }
  writeFileSync(join(folder, `${name}.pid`), String(child.pid));
  return true;
}

/** Ends the service; resolves to false when there was none. */
export async function stopService(folder: string, name: string): Promise<boolean> {
  const pid = readPid(folder, name);
  rmSync(join(folder, `${name}.pid`), { force: true });
  if (pid === undefined) return false;
  signal(pid, 'SIGTERM');
  const deadline = Date.now() + STOP_LIMIT;
  while (signal(pid, 0)) {
    if (Date.now() > deadline) {
      signal(pid, 'SIGKILL');
      break;
    }
    await sleep(INTERVAL);
  }
  return true;
}

/** Number of the running process; undefined when there is none. */
function readPid(folder: string, name: string): number | undefined {
  try {
    const pid = Number(readFileSync(join(folder, `${name}.pid`), 'utf8'));
    return signal(pid, 0) ? pid : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  }
}

/** The service leads a group of its own, to which its workers belong. */
function signal(pid: number, name: 'SIGTERM' | 'SIGKILL' | 0): boolean {
  try {
    process.kill(-pid, name);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/** Whether a service answers there with success. */
export async function answers(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url);
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    return false;
  }
}
