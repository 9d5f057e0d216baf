/**
 * Runs a job's command as a process or in a container. In both cases a shell writes the exit code to a file, so a new
 * agent gets the result of an attempt that an earlier agent started.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ambient } from '../../src/core/ambient.ts';
import type { Attempt, Job } from './job.ts';

export type RunnerKind = 'process' | 'podman' | 'docker';

export interface RunnerSettings {
  kind: RunnerKind;
  folder: string;
  /** Used instead of the definition's image, which could only be pulled from a registry. */
  image?: string | undefined;
  /** Variables that every job gets. */
  env: Record<string, string>;
}

/** Thrown when the machine can't start a job, for example because its command is too long. */
export class StartError extends Error {}

/** SIGTERM must end the command, but not the shell, which writes the exit code. */
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
      // A separate process group: it can be stopped as a whole, and it survives the agent.
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...process.env, ...(settings.kind === 'process' ? env : {}), JOB_EXIT: attempt.exit },
    });
    child.unref();
    return { ...attempt, pid: await readPid(child) };
  } catch (error) {
    // Node throws some system errors and emits others as events.
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
  // On the host's network the emulator listens on 127.0.0.1. --init forwards signals to the command.
  const options = ['--rm', '--init', '--network=host', '--name', attempt.container!, ...variables];
  return [
    kind,
    'run',
    ...options,
    image ?? detail.container?.image ?? '',
    ...(detail.container?.command ?? []),
  ];
}

/** The exit code of an ended attempt; undefined while it runs. */
export function readExit({ exit, pid }: Attempt): number | undefined {
  const noted = readCode(exit);
  if (noted !== undefined) return noted;
  if (ambient.bornOf(pid) !== '') return undefined;
  // It may have ended between the two checks. A killed shell writes no exit code: report 128 + SIGKILL.
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

/** Whether the PID still belongs to the attempt: after a restart of the machine it may belong to another process. */
export function isOwn({ pid, logStream }: Attempt): boolean {
  try {
    return execFileSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' }).includes(logStream);
  } catch {
    // ps fails when the process doesn't exist.
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
