/** Zip archives of folders. */
import { createWriteStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ZipFile } from 'yazl';

/** A local time, since yazl writes local times: the bytes are the same at any time and in every time zone. */
const TIME = new Date(1980, 0, 1);

/** Writes the files below `folder`, in the order of their names, into the archive `file`; returns its size. */
export async function zipFolder(folder: string, file: string): Promise<number> {
  const zip = new ZipFile();
  for (const name of (await readdir(folder, { recursive: true })).sort()) {
    const path = join(folder, name);
    if ((await stat(path)).isFile()) zip.addFile(path, name, { mtime: TIME, mode: 0o100644 });
  }
  zip.end();
  await pipeline(zip.outputStream, createWriteStream(file));
  return (await stat(file)).size;
}
