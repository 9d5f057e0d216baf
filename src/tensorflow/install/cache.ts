import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { MachineError } from '../../core/errors.ts';

/** A temporary folder this old (ms) belongs to a process that was killed: no download or build takes as long. */
const LEFTOVER_AGE = 6 * 3600 * 1000;

/** Where TensorFlow and the addon are kept: $CHIRPLINE_CACHE, else $XDG_CACHE_HOME/chirpline, else ~/.cache/chirpline. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env.CHIRPLINE_CACHE) return resolve(env.CHIRPLINE_CACHE);
  return resolve(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'chirpline');
}

/**
 * Makes the folder `cache/name` once and returns its path. `fill` writes into a temporary folder that gets its name
 * by one rename when it is complete: whoever sees the name sees all of it. Of two processes that make it at once, the
 * first to finish is kept and the other one's work is thrown away.
 *
 * Throws MachineError when the cache can't be written or the disk is full.
 */
export async function publish(
  cache: string,
  name: string,
  fill: (folder: string) => Promise<void>,
): Promise<string> {
  const folder = join(cache, name);
  if (existsSync(folder)) return folder;
  const drafts = join(cache, 'tmp');
  const draft = join(drafts, `${name}-${randomBytes(6).toString('hex')}`);
  await mkdir(draft, { recursive: true }).catch((error: unknown) => {
    throw cacheError(error, cache);
  });
  try {
    await removeLeftovers(drafts);
    await fill(draft);
    await rename(draft, folder);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    const code = errorCode(error);
    // rename() says so when the name is taken by a folder with something in it.
    const late = (code === 'ENOTEMPTY' || code === 'EEXIST') && existsSync(folder);
    if (!late) throw cacheError(error, cache);
  }
  return folder;
}

/** Removes what killed processes left in the folder of temporary folders. */
async function removeLeftovers(drafts: string): Promise<void> {
  for (const name of await readdir(drafts)) {
    const path = join(drafts, name);
    const seen = await stat(path).catch((error: unknown) => {
      // Another process may have finished with it since it was listed.
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    });
    if (seen && Date.now() - seen.mtimeMs > LEFTOVER_AGE) await rm(path, { recursive: true, force: true });
  }
}

/** Bytes that may be written on the disk of a folder. */
export async function freeSpace(folder: string): Promise<number> {
  const disk = await statfs(folder);
  return disk.bavail * disk.bsize;
}

function cacheError(error: unknown, cache: string): unknown {
  const code = errorCode(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new MachineError(
      `${cache}: the disk is full. Free some space or set CHIRPLINE_CACHE to a folder on another disk.`,
      { cause: error },
    );
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS' || code === 'ENOTDIR') {
    return new MachineError(
      `${cache}: can't be written (${code}). Set CHIRPLINE_CACHE to a folder that can: TensorFlow and its addon are kept there.`,
      { cause: error },
    );
  }
  return error;
}

/** The `code` of a system error, like 'ENOENT'. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
