/** Folders from which the system loads no library: mounts with noexec, as administrators set for /home, /tmp or shared disks. */
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { MachineError } from '../../core/errors.ts';
import { errorCode } from './cache.ts';

/** Throws MachineError if no library can be loaded from the folder, which need not exist yet. `remedy` says what to do. */
export function requireLoadable(folder: string, remedy: string): void {
  if (!isNoexec(folder)) return;
  throw new MachineError(
    `${folder}: its file system is mounted with noexec, so no library can be loaded from there. ${remedy}`,
  );
}

/**
 * Whether the folder, or the parent in which it will be made, is on a mount with noexec. False where the system has no list of
 * mounts. `mounts` is /proc/self/mountinfo (man 5 proc): the fifth field is the mount point, the sixth its options.
 */
export function isNoexec(folder: string, mounts = readMounts()): boolean {
  let existing = folder;
  while (!existsSync(existing)) existing = dirname(existing);
  const path = realpathSync(existing);
  let longest = 0;
  let noexec = false;
  for (const line of mounts.split('\n')) {
    const [, , , , escaped = '', options = ''] = line.split(' ');
    const point = escaped.replace(/\\([0-7]{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    const holds =
      point !== '' && (path === point || path.startsWith(point.endsWith('/') ? point : `${point}/`));
    // Of two mounts at one point, the later one is on top.
    if (!holds || point.length < longest) continue;
    longest = point.length;
    noexec = options.split(',').includes('noexec');
  }
  return noexec;
}

function readMounts(): string {
  try {
    return readFileSync('/proc/self/mountinfo', 'utf8');
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return '';
  }
}
