/** The checkpoints of one training on a store. */
import { createHash } from 'node:crypto';
import { ChirplineError, InputError, NotFoundError } from '../core/errors.ts';
import type { ObjectStore } from '../storage/store.ts';
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint } from '../training/fit/checkpoint.ts';
import type { FitBounds } from '../training/fit/stored-state.ts';
import type { RecordSet } from '../training/input/records.ts';
import type { Settings } from '../training/settings.ts';

/** Older ones are removed. One is not enough: the last may turn out to be damaged. */
const KEPT = 2;

/** Names what is trained on what: equal names mean that a checkpoint of one training serves another. */
export function fingerprintOf(settings: Settings, { count, shards, dtype }: RecordSet): string {
  const records = shards.map(({ name, sha256, runs }) => [name, sha256, runs]);
  const text = JSON.stringify([Object.entries(settings).sort(), count, dtype, records]);
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

export interface Checkpoints {
  /** The newest one that can be read. */
  load(): Promise<Checkpoint | undefined>;
  save(checkpoint: Checkpoint): Promise<void>;
  /** Once the training is finished. */
  clear(): Promise<void>;
}

/** @param folder of this training alone. @param say is told of a checkpoint that is damaged. */
export function openCheckpoints(
  store: ObjectStore,
  folder: string,
  bounds: FitBounds,
  say: (line: string) => void,
): Checkpoints {
  const nameOf = ({ snapshot: { state } }: Checkpoint) =>
    `${folder}${String(state.epoch).padStart(6, '0')}-${String(state.step).padStart(8, '0')}.npz`;

  /** From the oldest to the newest. */
  async function list(): Promise<string[]> {
    const keys: string[] = [];
    for await (const { key } of store.list(folder)) keys.push(key);
    return keys;
  }

  return {
    async load() {
      for (const key of (await list()).reverse()) {
        const object = store.location + key;
        try {
          return await decodeCheckpoint(await store.read(key), bounds, object);
        } catch (error) {
          // Another process that trains the same may have put a newer one in its place.
          if (error instanceof NotFoundError) continue;
          if (!(error instanceof InputError)) throw error;
          say(`checkpoint passed over: ${error.message}`);
        }
      }
      return undefined;
    },
    async save(checkpoint) {
      const name = nameOf(checkpoint);
      await store.write(name, await encodeCheckpoint(checkpoint));
      const keys = await list();
      // A damaged one may stand behind the one that was gone on from.
      const older = keys.filter((key) => key < name).slice(0, -(KEPT - 1));
      const ahead = keys.filter((key) => key > name);
      for (const key of [...older, ...ahead]) await store.remove(key);
    },
    async clear() {
      for (const key of await list()) await store.remove(key);
    },
  };
}

/** Saves, or says why it couldn't, and tells which: a full disk is no reason to end a training. */
export async function trySaving(
  checkpoints: Checkpoints,
  checkpoint: Checkpoint,
  say: (line: string) => void,
): Promise<boolean> {
  try {
    await checkpoints.save(checkpoint);
    return true;
  } catch (error) {
    if (!(error instanceof ChirplineError)) throw error;
    say(`no checkpoint was written, the one before stays: ${error.message}`);
    return false;
  }
}
