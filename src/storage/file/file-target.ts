/** Where the bytes for a path go: into a file that gets its name when it is complete, or into a device, a pipe or a descriptor. */
import { lstatSync, readlinkSync, realpathSync, type Stats, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { explainFileError, isAbsence } from './file-errors.ts';

export type Target =
  /** `path` has no link at its end. It may not exist yet. */
  | { kind: 'file'; path: string }
  /** Bytes are written into it. `descriptor`: it is this process's own, such as that of /dev/stdout. */
  | { kind: 'stream'; path: string; descriptor?: number };

/** Linux follows as many links. */
const LINK_LIMIT = 40;

/**
 * Follows links, also those to nothing: what a link names is written, not the link. So the output /dev/stdout, which is a link to
 * a link, and the output /dev/null are never replaced by a file. Throws MachineError.
 */
export function findTarget(path: string): Target {
  try {
    let at = path;
    for (let links = 0; links < LINK_LIMIT; links += 1) {
      const [, process_, digits] = DESCRIPTOR.exec(at) ?? [];
      if (digits !== undefined) {
        const isOwn = process_ === undefined || process_ === 'self' || process_ === String(process.pid);
        return { kind: 'stream', path: at, ...(isOwn && { descriptor: Number(digits) }) };
      }
      const stats = look(at);
      if (stats === undefined || stats.isFile() || stats.isDirectory()) return { kind: 'file', path: at };
      if (!stats.isSymbolicLink()) return { kind: 'stream', path: at };
      at = resolve(realpathSync(dirname(at)), readlinkSync(at));
    }
    statSync(path);
  } catch (error) {
    throw explainFileError(error, 'write', path);
  }
  return { kind: 'file', path };
}

/** Links in these folders name descriptors. What such a link says is only for people: `pipe:[1234]`. */
const DESCRIPTOR = /^\/(?:dev|proc\/(self|\d+))\/fd\/(\d+)$/;

function look(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    // Creating the file or its folder gives an error that says more.
    if (isAbsence(error)) return undefined;
    throw error;
  }
}
