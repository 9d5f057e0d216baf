/** The checkpoints of one training in a store. */
import { ChirplineError, InputError, NotFoundError } from '../core/errors.ts';
import { sha256 } from '../core/sha256.ts';
import type { ObjectStore } from '../storage/store.ts';
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint } from '../training/fit/checkpoint.ts';
import type { FitBounds } from '../training/fit/stored-state.ts';
import type { RecordSet } from '../training/input/records.ts';
import type { Settings } from '../training/settings.ts';

/** Number of checkpoints to keep. One isn't enough: the newest may turn out to be damaged. */
const KEPT = 2;

/**
 * Identifies a training by its settings, its records, its signals to inject, and its initial weights if they aren't random. A
 * checkpoint serves every training with the same fingerprint.
 */
export function fingerprintOf(settings: Settings, sets: readonly RecordSet[], initial?: Uint8Array): string {
  const records = sets.flatMap(({ count, shards, dtype }) => {
    return [count, dtype, shards.map(({ name, sha256, runs }) => [name, sha256, runs])];
  });
  const weights = initial === undefined ? [] : [sha256(initial).toString('hex')];
  const text = JSON.stringify([Object.entries(settings).sort(), ...records, ...weights]);
  return sha256(text).toString('hex').slice(0, 12);
}

export interface Checkpoints {
  /** The newest checkpoint that can be read. */
  load(): Promise<Checkpoint | undefined>;
  save(checkpoint: Checkpoint): Promise<void>;
  /** Removes all checkpoints, once the training is finished. */
  clear(): Promise<void>;
}

/** @param folder Used by this training only. @param say Called with a message about each damaged checkpoint. */
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
          // Another process with the same training may have replaced it with a newer one.
          if (error instanceof NotFoundError) continue;
          if (!(error instanceof InputError)) throw error;
          say(`checkpoint skipped: ${error.message}`);
        }
      }
      return undefined;
    },
    async save(checkpoint) {
      const name = nameOf(checkpoint);
      await store.write(name, await encodeCheckpoint(checkpoint));
      const keys = await list();
      // A damaged checkpoint may be newer than the one that the training resumed from.
      const older = keys.filter((key) => key < name).slice(0, -(KEPT - 1));
      const ahead = keys.filter((key) => key > name);
      for (const key of [...older, ...ahead]) await store.remove(key);
    },
    async clear() {
      for (const key of await list()) await store.remove(key);
    },
  };
}

/** Saves a checkpoint and returns true, or reports the error and returns false: a full disk must not end a training. */
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
    say(`checkpoint not written, the previous one is kept: ${error.message}`);
    return false;
  }
}
