/** Brings one object to a folder of this machine, in a worker thread: the main one is busy with training steps. */
import { createHash } from 'node:crypto';
import { InputError, StoppedError } from '../errors.ts';
import { openStore } from '../storage/open.ts';
import { answering } from './answer.ts';
import type { Stop } from './stop.ts';

export interface StageTask {
  /** Location of the store that has the object. */
  from: string;
  /** The folder that gets it, under the same key. */
  to: string;
  key: string;
  /** What its bytes must hash to, where that is known. */
  sha256?: string;
}

/** Throws InputError, and leaves nothing behind, when the bytes are others than they should be. */
async function stageObject({ from, to, key, sha256 }: StageTask, stop: Stop): Promise<void> {
  const source = openStore(from);
  const hash = createHash('sha256');
  async function* read(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source.stream(key)) {
      if (stop.aborted) throw new StoppedError(`${source.location}${key}: stopped while it was fetched`);
      hash.update(chunk);
      yield chunk;
    }
    const digest = hash.digest('hex');
    if (sha256 === undefined || digest === sha256) return;
    throw new InputError({
      object: source.location + key,
      found: `bytes of SHA-256 ${digest.slice(0, 12)}...`,
      needed: `${sha256.slice(0, 12)}..., as metadata.json says`,
      advice: 'The shard was damaged or replaced; preprocess the dataset again',
    });
  }
  await openStore(to).write(key, read());
}

export default answering(stageObject);
