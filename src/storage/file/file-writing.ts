import { randomUUID } from 'node:crypto';
import { readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { type FileHandle, mkdir, open, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { MachineError } from '../../core/errors.ts';
import type { ObjectInfo, WriteOptions } from '../store.ts';
import { createAppender, createDirectAppender, writeWhole } from './file-appending.ts';
import { explainFileError, isAbsence, systemCode } from './file-errors.ts';
import { describeFile, OWN_PREFIX } from './file-listing.ts';
import { createOnly, replaceVersion } from './file-publishing.ts';

/** A temporary file that nobody wrote to for so long [ms] belongs to a writer that was killed. */
const STALE_AFTER = 60 * 60 * 1000;

/**
 * Writes a new file beside the path, brings it to the disk, and only then gives it the name. Parent folders are
 * made as needed. Of several writers with ifAbsent, or with the same ifMatch, exactly one wins, be they threads or
 * processes; an unconditional write beside them may win too.
 */
export async function writeFile(
  path: string,
  key: string,
  bytes: Uint8Array | AsyncIterable<Uint8Array>,
  options: WriteOptions,
): Promise<ObjectInfo> {
  const folder = dirname(path);
  const temporary = join(folder, `${OWN_PREFIX}${randomUUID()}.tmp`);
  const handle = await writing(path, () => openWithParents(temporary));
  try {
    try {
      await fill(handle, temporary, bytes, path, options);
    } finally {
      await writing(path, () => handle.close());
    }
    const info = describeFile(temporary, key);
    if (info === undefined) {
      throw new MachineError(`cannot write ${path}: somebody removed its temporary file ${temporary}`);
    }
    await writing(path, () => publish(temporary, path, options));
    await writing(path, () => syncFolder(folder));
    return info;
  } finally {
    await unlink(temporary).catch((error: unknown) => {
      if (!isAbsence(error)) throw explainFileError(error, 'remove', temporary);
    });
  }
}

/**
 * Removes what writers that were killed left in the folder. Should such a writer only have slept for an hour, its
 * write fails and nothing else happens.
 */
export function removeStale(folder: string): void {
  try {
    for (const name of readdirSync(folder)) {
      if (!name.startsWith(OWN_PREFIX)) continue;
      const path = join(folder, name);
      const stats = statSync(path, { throwIfNoEntry: false });
      // A folder is a claim, see file-publishing.ts.
      if (stats !== undefined && Date.now() - stats.mtimeMs > STALE_AFTER)
        rmSync(path, { recursive: true, force: true });
    }
  } catch (error) {
    // Another writer may have removed it, or the folder isn't there yet.
    if (!isAbsence(error)) throw explainFileError(error, 'write', folder);
  }
}

async function writing<T>(path: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw explainFileError(error, 'write', path);
  }
}

async function openWithParents(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx');
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    await makeFolder(dirname(path));
    return await open(path, 'wx');
  }
}

/**
 * Makes the folder and those above it, each brought to the disk in the one that it is in. Node's own way reports a missing
 * folder where the system said why none can be made.
 */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT' || dirname(path) === path) throw error;
    await makeFolder(dirname(path));
    // Another writer may have made it meanwhile.
    await mkdir(path).catch((again: unknown) => {
      if (systemCode(again) !== 'EEXIST') throw again;
    });
  }
  await syncFolder(dirname(path));
}

async function fill(
  handle: FileHandle,
  temporary: string,
  bytes: Uint8Array | AsyncIterable<Uint8Array>,
  path: string,
  { uncached = false }: WriteOptions,
): Promise<void> {
  // Only this store's own calls are explained: what the source of the chunks throws is not about this path.
  const explained = (call: () => Promise<void>) => writing(path, call);
  if (bytes instanceof Uint8Array) await explained(async () => writeWhole(handle.fd, bytes, 0));
  else {
    const appender = uncached ? createDirectAppender(handle.fd, temporary) : createAppender(handle.fd);
    try {
      for await (const chunk of bytes) await explained(() => appender.append(chunk));
      await explained(() => appender.finish());
    } finally {
      appender.close();
    }
  }
  await explained(() => handle.sync());
}

/** Without it a power failure could undo the name after the caller was told that the object is there. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } catch (error) {
    // Some network file systems can't; there the server sees to it.
    if (systemCode(error) !== 'EINVAL') throw error;
  } finally {
    await handle.close();
  }
}

async function publish(temporary: string, path: string, options: WriteOptions): Promise<void> {
  if (options.ifMatch !== undefined) await replaceVersion(temporary, path, options.ifMatch);
  else if (options.ifAbsent === true) await createOnly(temporary, path);
  else renameSync(temporary, path);
}
