/** Verifies one shard, and copies it to a local folder, in a worker thread: training steps block the main thread. */
import { StoppedError } from '../core/errors.ts';
import type { Stop } from '../core/stop.ts';
import { openStore } from '../storage/open.ts';
import { checkHash } from '../training/input/shard-hash.ts';

export interface StageTask {
  /** Location of the store that has the object. */
  from: string;
  /** Folder to copy it to, under the same key. If undefined, the object is only read and verified. */
  to?: string;
  key: string;
  /** Expected SHA-256 of its bytes, if known. */
  sha256?: string;
}

/** Throws InputError, and leaves no file, when the bytes don't match `sha256`. */
export async function stageObject({ from, to, key, sha256 }: StageTask, stop: Stop): Promise<void> {
  const source = openStore(from);
  async function* read(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source.stream(key)) {
      if (stop.aborted) throw new StoppedError(`${source.location}${key}: stopped while reading it`);
      yield chunk;
    }
  }
  const stored = read();
  const bytes = sha256 === undefined ? stored : checkHash(stored, source.location + key, sha256);
  if (to !== undefined) await openStore(to).write(key, bytes);
  else for await (const _ of bytes);
}
