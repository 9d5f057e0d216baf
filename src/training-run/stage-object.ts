/** Checks one shard, and brings it to a folder of this machine, in a worker thread: the main one is busy with training steps. */
import { StoppedError } from '../core/errors.ts';
import type { Stop } from '../core/stop.ts';
import { openStore } from '../storage/open.ts';
import { checkHash } from '../training/input/shard-hash.ts';

export interface StageTask {
  /** Location of the store that has the object. */
  from: string;
  /** The folder that gets it, under the same key; where there is none, it is only read. */
  to?: string;
  key: string;
  /** What its bytes must hash to, where that is known. */
  sha256?: string;
}

/** Throws InputError, and leaves nothing behind, when the bytes are others than they should be. */
export async function stageObject({ from, to, key, sha256 }: StageTask, stop: Stop): Promise<void> {
  const source = openStore(from);
  async function* read(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source.stream(key)) {
      if (stop.aborted) throw new StoppedError(`${source.location}${key}: stopped while it was read`);
      yield chunk;
    }
  }
  const stored = read();
  const bytes = sha256 === undefined ? stored : checkHash(stored, source.location + key, sha256);
  if (to !== undefined) await openStore(to).write(key, bytes);
  else for await (const _ of bytes);
}
