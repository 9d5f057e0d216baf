import { randomUUID } from 'node:crypto';
import { readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { type FileHandle, mkdir, open, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { MachineError, PreconditionError } from '../../core/errors.ts';
import type { ObjectInfo, WriteOptions } from '../store.ts';
import { createAppender, createDirectAppender, writeWhole } from './file-appending.ts';
import { explainFileError, isAbsence, systemCode } from './file-errors.ts';
import { describeFile, OWN_PREFIX } from './file-listing.ts';
import { createOnly, replaceVersion } from './file-publishing.ts';
import { writeStream } from './file-streaming.ts';
import { findTarget } from './file-target.ts';

/** A temporary file not written to for this long [ms] belongs to a writer that was killed. */
const STALE_AFTER = 60 * 60 * 1000;

/**
 * Writes what the path names, which may be a link, a device or a pipe. A conditional write into a device or pipe depends on no
 * version: there is none.
 */
export async function writeTarget(
  path: string,
  key: string,
  bytes: Uint8Array | AsyncIterable<Uint8Array>,
  options: WriteOptions,
): Promise<ObjectInfo> {
  const target = findTarget(path);
  if (target.kind === 'file') return writeFile(target.path, key, bytes, options);
  if (options.ifMatch !== undefined) throw new PreconditionError(path);
  return { key, size: await writeStream(target, bytes), etag: '' };
}

/**
 * Writes a temporary file in the same folder, syncs it to the disk, and only then gives it its name. Creates parent folders as
 * needed. Of several writers with ifAbsent, or with the same ifMatch, exactly one wins, be they threads or processes. A
 * concurrent unconditional write may win as well.
 */
async function writeFile(
  path: string,
  key: string,
  bytes: Uint8Array | AsyncIterable<Uint8Array>,
  options: WriteOptions,
): Promise<ObjectInfo> {
  const folder = dirname(path);
  const temporary = join(folder, `${OWN_PREFIX}${randomUUID()}.tmp`);
  const handle = await withWriteErrors(path, () => openWithParents(temporary));
  try {
    try {
      await fill(handle, temporary, bytes, path, options);
    } finally {
      await withWriteErrors(path, () => handle.close());
    }
    const info = describeFile(temporary, key);
    if (info === undefined) {
      throw new MachineError(
        `cannot write ${path}: another process removed its temporary file ${temporary}. Run the same command again`,
      );
    }
    await withWriteErrors(path, () => publish(temporary, path, options));
    await withWriteErrors(path, () => syncFolder(folder));
    return info;
  } finally {
    await unlink(temporary).catch((error: unknown) => {
      if (!isAbsence(error)) throw explainFileError(error, 'remove', temporary);
    });
  }
}

/**
 * Removes the temporary files of killed writers from the folder. If such a writer was only suspended for an hour, its
 * write fails; there is no other effect.
 */
export function removeStale(folder: string): void {
  try {
    for (const name of readdirSync(folder)) {
      if (!name.startsWith(OWN_PREFIX)) continue;
      const path = join(folder, name);
      const stats = statSync(path, { throwIfNoEntry: false });
      // Folders are claims; see file-publishing.ts.
      if (stats !== undefined && Date.now() - stats.mtimeMs > STALE_AFTER)
        rmSync(path, { recursive: true, force: true });
    }
  } catch (error) {
    // Another writer may have removed the file first, or the folder does not exist yet.
    if (!isAbsence(error)) throw explainFileError(error, 'write', folder);
  }
}

async function withWriteErrors<T>(path: string, call: () => Promise<T>): Promise<T> {
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
 * Creates the folder and its parents, and syncs the parent of each. Node's recursive mkdir is not used: it reports a missing
 * folder instead of the system's reason why the folder can't be created.
 */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT' || dirname(path) === path) throw error;
    await makeFolder(dirname(path));
    // Another writer may have created it first.
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
  // Errors of the source of the pieces are not about this path, so only the store's own calls are wrapped.
  const explained = (call: () => Promise<void>) => withWriteErrors(path, call);
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

/** Without this sync a power failure could undo the rename after the write was reported as done. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } catch (error) {
    // Some network file systems can't sync a folder; their server does.
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
