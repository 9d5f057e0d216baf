/** Shards of a bucket as files of this machine, where TensorFlow can read them. */
import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MachineError, StoppedError } from '../errors.ts';
import type { RecordSet } from '../training/records.ts';
import { filesOf, type ShardFiles } from '../training/shard-files.ts';
import { withWorkers } from './pool.ts';
import type { Observer } from './progress.ts';
import type { StageTask } from './stage-task.ts';

/** Shards that are fetched at the same time. */
const FETCHERS = 4;

/**
 * Calls `use` with the shards of the set as files: where they are, or fetched into a temporary folder, which is gone
 * afterwards. They come in the order that they are wanted in, while the first ones are read already.
 *
 * Throws MachineError when the folder hasn't the room for them.
 */
export async function withShardFiles<T>(
  set: RecordSet,
  observer: Observer,
  signal: AbortSignal | undefined,
  use: (files: ShardFiles) => Promise<T>,
): Promise<T> {
  const { store } = set;
  if (store.folder !== undefined) return use(filesOf(store.folder));
  const folder = await mkdtemp(join(tmpdir(), 'chirpline-records-'));
  try {
    const bytes = await checkRoom(set, folder);
    const size = bytes < 1e9 ? `${(bytes / 1e6).toFixed(0)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
    observer.say?.(
      `fetching ${set.shards.length} shards (${size}) from ${store.location} while training starts`,
    );
    // Not the caller's signal: a training that is stopped still writes its checkpoint.
    return await withWorkers<StageTask, void, T>('stage-task', { workers: FETCHERS }, (run) => {
      return use(createStaging(set, folder, run, signal));
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function checkRoom({ store, shards }: RecordSet, folder: string): Promise<number> {
  const bytes = shards.reduce((sum, { bytes }) => sum + bytes, 0);
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize > bytes) return bytes;
  throw new MachineError(
    `${tmpdir()}: ${((bavail * bsize) / 1e9).toFixed(1)} GB are free, and the shards of ${store.location} are ${(bytes / 1e9).toFixed(1)} GB. TMPDIR chooses another folder; the disk of a host of Batch is as large as the stage's setting jobDisk`,
  );
}

function createStaging(
  { store, shards }: RecordSet,
  folder: string,
  run: (task: StageTask) => Promise<void>,
  signal: AbortSignal | undefined,
): ShardFiles {
  const hashes = new Map(shards.map(({ name, sha256 }) => [name, sha256]));
  const coming = new Map<string, Promise<void>>();
  const stopped = new Promise<never>((_, reject) => {
    const stop = () => reject(new StoppedError('stopped while shards were fetched'));
    if (signal?.aborted) stop();
    else signal?.addEventListener('abort', stop, { once: true });
  });
  stopped.catch(() => {});

  function fetch(key: string): Promise<void> {
    const known = coming.get(key);
    if (known !== undefined) return known;
    const sha256 = hashes.get(key);
    const fetched = run({ from: store.location, to: folder, key, ...(sha256 !== undefined && { sha256 }) });
    coming.set(key, fetched);
    // Who needs the shard is told by `ready`.
    fetched.catch(() => {});
    return fetched;
  }

  return {
    path: (name) => join(folder, name),
    want: (names) => {
      for (const name of names) void fetch(name);
    },
    ready: (name) => Promise.race([fetch(name), stopped]),
  };
}
