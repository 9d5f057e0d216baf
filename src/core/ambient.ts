/**
 * What a step takes from its surroundings besides its input: time, chance, names that nobody else has, and which process it
 * is. One object, so that a simulation can replace all of it and replay a run from a seed.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout } from 'node:timers/promises';

export const ambient = {
  /** Milliseconds since 1970. */
  now: (): number => Date.now(),
  /** Milliseconds on a clock that never jumps. */
  elapsed: (): number => performance.now(),
  /** Resolves after that time, or as soon as the signal is aborted. */
  sleep: async (ms: number, signal?: AbortSignal): Promise<void> => {
    await setTimeout(ms, undefined, { signal }).catch((error: unknown) => {
      if (!signal?.aborted) throw error;
    });
  },
  /** Uniform in [0, 1). */
  random: (): number => Math.random(),
  /** Unique. */
  token: (): string => randomUUID(),
  /** This process: its id, and the host, or container on it, whose processes have such ids. */
  pid: (): number => process.pid,
  host,
  /** When a process of this host was started, by a clock of the kernel's; '' when there is none, or but its exit status. */
  bornOf,
};

function host(): string {
  try {
    // Names of hosts recur, and so do those of the first namespaces; a boot has an id of its own.
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    return `${hostname()} ${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return hostname();
  }
}

function bornOf(pid: number): string {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return existsWithoutProc(pid) ? 'unknown' : '';
  }
  // The name, in brackets, may hold anything. Fields 3 (state: Z is a zombie) and 22 of proc(5).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? '' : (fields[19] ?? '');
}

/** Where there is no /proc. */
function existsWithoutProc(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it runs under another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
