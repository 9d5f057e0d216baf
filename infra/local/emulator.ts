/** Starts and stops the processes of the emulated cloud in the background; PID files identify them. */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MachineError } from '../../src/core/errors.ts';

export interface ServiceSettings {
  name: string;
  /** Folder for the log and the PID file. */
  folder: string;
  command: string[];
  /** The complete environment; nothing of this process's own environment is added. */
  env: NodeJS.ProcessEnv;
  /** URL that returns 200 when the service is ready. */
  health: string;
}

const START_LIMIT = 60_000;
/** ministack sometimes ignores SIGTERM. */
const STOP_LIMIT = 3_000;
const INTERVAL = 50;

/** Starts the service unless it is running; resolves to whether it did. Throws MachineError when the service doesn't start. */
export async function startService({
  name,
  folder,
  command,
  env,
  health,
}: ServiceSettings): Promise<boolean> {
  if (await answers(health)) {
    if (isRunning(folder, name)) return false;
    throw new MachineError(`another program responds at ${health}. Stop it, or choose another port`);
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

/** Stops the service; resolves to false when it wasn't running. */
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

/** Whether the service runs, and was started by `startService` with this folder. */
export const isRunning = (folder: string, name: string): boolean => readPid(folder, name) !== undefined;

/** PID of the running process; undefined if it isn't running. */
function readPid(folder: string, name: string): number | undefined {
  try {
    const pid = Number(readFileSync(join(folder, `${name}.pid`), 'utf8'));
    return signal(pid, 0) ? pid : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  }
}

/** Sends a signal to the service's process group, which includes its workers. Returns whether the group exists. */
function signal(pid: number, name: 'SIGTERM' | 'SIGKILL' | 0): boolean {
  try {
    process.kill(-pid, name);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/** Whether the URL returns a successful response. */
export async function answers(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url);
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    return false;
  }
}
