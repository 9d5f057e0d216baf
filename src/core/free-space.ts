import { statfs } from 'node:fs/promises';

/** Free space on the disk of a folder [bytes]; infinite if its file system doesn't say. */
export async function freeSpace(folder: string): Promise<number> {
  const { blocks, bavail, bsize } = await statfs(folder);
  return blocks === 0 ? Number.POSITIVE_INFINITY : bavail * bsize;
}
