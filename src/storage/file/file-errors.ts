import { ChirplineError, MachineError } from '../../core/errors.ts';

/** Reason and advice for each system error that a user can fix. */
const ADVICE: Record<string, string> = {
  ENOSPC:
    'no space left on the device. Free some space or choose another folder, then run the same command again',
  EDQUOT:
    'your disk quota is used up. Free some space or choose another folder, then run the same command again',
  EACCES: 'permission denied. Grant this user access or choose another folder',
  EPERM: 'not permitted. Grant this user access or choose another folder',
  EROFS: 'the file system is read-only. Choose another folder',
  EFBIG:
    "the file is larger than the file system or this user's limit (ulimit -f) allows. Choose another folder or raise the limit",
  EMFILE: 'too many open files. Raise the limit (ulimit -n) or use fewer workers',
  ENFILE: 'too many open files on this system. Close other programs or use fewer workers',
  ENOENT: 'a parent folder is a broken link or was just removed. Choose another folder',
  ENAMETOOLONG: 'the name is too long for this file system. Choose a folder with a shorter path',
  ENOTDIR: 'a file exists where a folder is needed. Move the file or choose another folder',
  EEXIST: 'a file exists where a folder is needed. Move the file or choose another folder',
  EISDIR: 'a folder exists where a file is needed. Move the folder or choose another one',
  EPIPE: 'the program that reads from it has ended',
  ELOOP: 'symbolic links form a loop. Remove one of them',
  EIO: 'the device reports an input/output error. Check the system log: the disk may be failing',
};

/** The error code of a failed system call, such as `ENOENT`; undefined for any other error. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/**
 * A MachineError for Node's error about too many open files, which any call may raise, even loading a module. Any other
 * error is returned unchanged.
 */
export function explainShortage(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof ChirplineError || !('code' in error)) return error;
  const { code } = error;
  if (code !== 'EMFILE' && code !== 'ENFILE') return error;
  return new MachineError(`${ADVICE[code]} (${code})`, { cause: error });
}

/** True when the system call failed because the file is missing: no such name, an impossible name, or a link to itself. */
export function isAbsence(error: unknown): boolean {
  const code = systemCode(error);
  return code !== undefined && ['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP', 'ENXIO'].includes(code);
}

/**
 * The error to throw for an error of a file system call: a MachineError with the path, the reason and advice. An error
 * that does not come from a system call is returned unchanged.
 */
export function explainFileError(
  error: unknown,
  action: 'read' | 'list' | 'write' | 'remove',
  path: string,
): unknown {
  const code = systemCode(error);
  if (code === undefined) return error;
  const reason = ADVICE[code] ?? (error instanceof Error ? error.message : code);
  return new MachineError(`cannot ${action} ${path}: ${reason} (${code})`, { cause: error });
}
