import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { MachineError } from '../../core/errors.ts';

/** Age at which a temporary folder belongs to a killed process [ms]: no download or build takes this long. */
const LEFTOVER_AGE = 6 * 3600 * 1000;

/** os.userInfo, which throws for a user that the system doesn't know. */
export type FindUser = () => { homedir: string };

/**
 * Folder that holds TensorFlow and the addon: $CHIRPLINE_CACHE, else $XDG_CACHE_HOME/chirpline, else ~/.cache/chirpline. Throws
 * MachineError if there is no home folder.
 */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env, findUser: FindUser = userInfo): string {
  if (env.CHIRPLINE_CACHE) return resolve(env.CHIRPLINE_CACHE);
  return resolve(env.XDG_CACHE_HOME || join(env.HOME || homeOf(findUser), '.cache'), 'chirpline');
}

/** From the list of users, in which those of a container (docker run --user) or of a cluster may be missing. */
function homeOf(findUser: FindUser): string {
  try {
    return findUser().homedir;
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    throw new MachineError(
      'this user has no home folder: HOME is not set, and the system does not know the user. Set CHIRPLINE_CACHE to a writable folder: TensorFlow and its addon are stored there.',
      { cause: error },
    );
  }
}

/**
 * Makes the folder `cache/name` once and returns its path. `fill` writes into a temporary folder, which is renamed when it
 * is complete, so a folder with the final name is always complete. If two processes make it at once, the first to finish
 * wins and the other one's work is discarded.
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
    // Node's recursive mkdir reports a missing folder where a parent is read-only.
    throw cacheError(error, cache, [...UNWRITABLE, 'ENOENT']);
  });
  try {
    await removeLeftovers(drafts);
    await fill(draft);
    await rename(draft, folder);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    const code = errorCode(error);
    // rename() gives these codes when a folder that isn't empty has the name.
    const taken = (code === 'ENOTEMPTY' || code === 'EEXIST') && existsSync(folder);
    if (!taken) throw cacheError(error, cache);
  }
  return folder;
}

/** Removes the temporary folders of killed processes. */
async function removeLeftovers(drafts: string): Promise<void> {
  for (const name of await readdir(drafts)) {
    const path = join(drafts, name);
    const seen = await stat(path).catch((error: unknown) => {
      // Another process may have renamed or removed it since it was listed.
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    });
    if (seen && Date.now() - seen.mtimeMs > LEFTOVER_AGE) await rm(path, { recursive: true, force: true });
  }
}

const UNWRITABLE = ['EACCES', 'EPERM', 'EROFS', 'ENOTDIR'];

function cacheError(error: unknown, cache: string, unwritable = UNWRITABLE): unknown {
  const code = errorCode(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new MachineError(
      `${cache}: the disk is full. Free some space or set CHIRPLINE_CACHE to a folder on another disk.`,
      { cause: error },
    );
  }
  if (code !== undefined && unwritable.includes(code)) {
    return new MachineError(
      `${cache}: can't be written (${code}). Set CHIRPLINE_CACHE to a writable folder: TensorFlow and its addon are stored there.`,
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
