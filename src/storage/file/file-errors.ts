import { ChirplineError, MachineError } from '../../core/errors.ts';

/** What to do about each error of the operating system that a user can meet and mend. */
const ADVICE: Record<string, string> = {
  ENOSPC:
    'no space left on the device. Free some space or choose another folder, then run the same command again',
  EDQUOT:
    'your disk quota is used up. Free some space or choose another folder, then run the same command again',
  EACCES: 'permission denied. Give this user the right to it or choose another folder',
  EPERM: 'not permitted. Give this user the right to it or choose another folder',
  EROFS: 'the file system is read-only. Choose another folder',
  EFBIG: 'the file is larger than this file system or this user (ulimit -f) may have. Choose another folder',
  EMFILE: 'too many open files. Raise the limit (ulimit -n) or use fewer workers',
  ENFILE: 'too many open files in the whole system. Close other programs or use fewer workers',
  ENOENT: 'a folder on the way is a link to nothing, or was removed meanwhile. Choose another folder',
  ENAMETOOLONG: 'the name is too long for this file system. Choose a folder with a shorter path',
  ENOTDIR: 'a file stands where a folder is needed. Move it away or choose another folder',
  EEXIST: 'a file stands where a folder is needed. Move it away or choose another folder',
  EISDIR: 'a folder stands where a file is needed. Move it away or choose another folder',
  ELOOP: 'symbolic links lead in a circle. Remove one of them',
  EIO: 'the device reports an input/output error. Look at the system log; the disk may be failing',
};

/** The error code of a failed system call (`ENOENT`); undefined for any other thing thrown. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/**
 * A MachineError in place of an error of Node itself that says the system's open files are used up: it may come from
 * anywhere, even from loading a module. Anything else is returned as it is.
 */
export function explainShortage(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof ChirplineError || !('code' in error)) return error;
  const { code } = error;
  if (code !== 'EMFILE' && code !== 'ENFILE') return error;
  return new MachineError(`${ADVICE[code]} (${code})`, { cause: error });
}

/** True when the system call failed because nothing is there: no such name, none possible, or a link to itself. */
export function isAbsence(error: unknown): boolean {
  const code = systemCode(error);
  return code !== undefined && ['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP', 'ENXIO'].includes(code);
}

/**
 * What to throw for something that a file system call threw: a MachineError that names the path and what to do
 * when the operating system refused, or the same thing when it is anything else.
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
