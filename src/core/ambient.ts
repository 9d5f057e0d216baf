/**
 * What a step gets from its environment besides its input: time, randomness, unique names, and the identity of its process.
 * It is one object, so that a simulation can replace all of it and replay a run from a seed.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout } from 'node:timers/promises';

export const ambient = {
  /** Milliseconds since 1970. */
  now: (): number => Date.now(),
  /** Milliseconds of a monotonic clock. */
  elapsed: (): number => performance.now(),
  /** Resolves after `ms`, or as soon as the signal is aborted. */
  sleep: async (ms: number, signal?: AbortSignal): Promise<void> => {
    await setTimeout(ms, undefined, { signal }).catch((error: unknown) => {
      if (!signal?.aborted) throw error;
    });
  },
  /** Uniform in [0, 1). */
  random: (): number => Math.random(),
  /** A unique name. */
  token: (): string => randomUUID(),
  pid: (): number => process.pid,
  /** Identifies the host, boot and container: the scope in which process ids are unique. */
  host,
  /**
   * Start time of a process on this host, by the kernel's clock; '' when the process is missing or a zombie, 'unknown' when
   * it exists on a system without /proc.
   */
  bornOf,
};

function host(): string {
  try {
    // Host names and ids of initial namespaces are not unique; the boot id is.
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
  // The process name, in brackets, may contain anything. Fields 3 (state; Z is a zombie, X is dead) and 22 of proc(5).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? '' : (fields[19] ?? '');
}

/** For systems without /proc. */
function existsWithoutProc(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: the process belongs to another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
