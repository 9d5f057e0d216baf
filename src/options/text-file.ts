import { readLimited } from '../storage/limited.ts';
import { splitLocation } from '../storage/location.ts';
import { openStore } from '../storage/open.ts';

/** The text of a small file that an option names. Throws NotFoundError, or InputError when it has more than `limit` bytes. */
export async function readTextFile(file: string, limit: number): Promise<string> {
  const { folder, key } = splitLocation(file);
  return new TextDecoder().decode(await readLimited(openStore(folder), key, limit));
}
