/**
 * How a job's command runs: as a process of this machine, or in a container. Either way it belongs to a shell that
 * notes its exit code in a file, so that a new agent learns the outcome of what an earlier one started.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Attempt, Job } from './job.ts';

export type RunnerKind = 'process' | 'podman' | 'docker';

export interface RunnerSettings {
  kind: RunnerKind;
  folder: string;
  /** Replaces the definition's image, since none can be pulled without a registry. */
  image?: string | undefined;
  /** Variables that every job gets. */
  env: Record<string, string>;
}

/** Thrown when the machine can't even begin with a job, such as one whose command is too long for it. */
export class StartError extends Error {}

/** SIGTERM must end the command, not the shell that notes how it ended. */
const SHELL =
  'trap : TERM INT; "$@"; code=$?; printf %s "$code" > "$JOB_EXIT.part"; mv "$JOB_EXIT.part" "$JOB_EXIT"';

/** Throws StartError. */
export async function startAttempt(settings: RunnerSettings, job: Job, number: number): Promise<Attempt> {
  const { jobId, container } = job.detail;
  const name = `${jobId.replace(':', '-')}-${number}`;
  const logs = join(settings.folder, 'logs');
  mkdirSync(logs, { recursive: true });
  const attempt: Attempt = {
    number,
    pid: 0,
    log: join(logs, `${name}.log`),
    exit: join(logs, `${name}.exit`),
    logStream: `training/default/${name}`,
    startedAt: Date.now(),
    ...(settings.kind !== 'process' && { container: `chirpline-${name}` }),
  };
  rmSync(attempt.exit, { force: true });
  const env: Record<string, string> = {
    ...settings.env,
    ...Object.fromEntries((container?.environment ?? []).map(({ name = '', value = '' }) => [name, value])),
    AWS_BATCH_JOB_ID: jobId,
    AWS_BATCH_JOB_ATTEMPT: String(number),
    ...(jobId.includes(':') && { AWS_BATCH_JOB_ARRAY_INDEX: jobId.split(':')[1]! }),
  };
  const command = container?.command ?? [];
  const argv = settings.kind === 'process' ? command : containerCommand(settings, attempt, job, env);
  const log = openSync(attempt.log, 'w');
  try {
    const child = spawn('sh', ['-c', SHELL, attempt.logStream, ...argv], {
      // A group of its own, which is stopped as one and outlives the agent.
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...process.env, ...(settings.kind === 'process' ? env : {}), JOB_EXIT: attempt.exit },
    });
    child.unref();
    return { ...attempt, pid: await readPid(child) };
  } catch (error) {
    // Node throws some of what the system answers, and tells the rest by an event.
    throw new StartError(error instanceof Error ? error.message : String(error), { cause: error });
  } finally {
    closeSync(log);
  }
}

async function readPid(child: ChildProcess): Promise<number> {
  if (child.pid === undefined) throw (await once(child, 'error'))[0];
  return child.pid;
}

function containerCommand(
  { kind, image }: RunnerSettings,
  attempt: Attempt,
  { detail }: Job,
  env: Record<string, string>,
): string[] {
  const variables = Object.entries(env).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
  // The host's network, where the emulator listens on 127.0.0.1. --init hands signals on to the command.
  const options = ['--rm', '--init', '--network=host', '--name', attempt.container!, ...variables];
  return [
    kind,
    'run',
    ...options,
    image ?? detail.container?.image ?? '',
    ...(detail.container?.command ?? []),
  ];
}

/** The exit code of an attempt that has ended; undefined while it runs. */
export function readExit({ exit, pid }: Attempt): number | undefined {
  const noted = readCode(exit);
  if (noted !== undefined) return noted;
  if (isAlive(pid)) return undefined;
  // It may have ended between the two looks. A shell that was killed notes nothing: 128 + SIGKILL.
  return readCode(exit) ?? 137;
}

function readCode(file: string): number | undefined {
  try {
    return Number(readFileSync(file, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Whether the process is still the attempt's: after a restart of the machine its number may be another's. */
export function isOwn({ pid, logStream }: Attempt): boolean {
  try {
    return execFileSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' }).includes(logStream);
  } catch {
    // ps fails when there is no such process.
    return false;
  }
}

export function signalAttempt(
  settings: RunnerSettings,
  { pid, container }: Attempt,
  signal: 'SIGTERM' | 'SIGKILL',
): void {
  if (container !== undefined)
    spawnSync(settings.kind, ['kill', '--signal', signal, container], { stdio: 'ignore' });
  if (container !== undefined && signal === 'SIGTERM') return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
