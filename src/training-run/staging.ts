/** Provides shards as local files for TensorFlow. Each is verified against its hash before TensorFlow reads it. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MachineError, StoppedError } from '../core/errors.ts';
import { formatBytes } from '../core/format-bytes.ts';
import { freeSpace } from '../core/free-space.ts';
import type { Observer } from '../core/progress.ts';
import type { RecordSet } from '../training/input/records.ts';
import { filesOf, type ShardFiles } from '../training/input/shard-files.ts';
import { withWorkers } from '../workers/pool.ts';
import type { StageTask } from './stage-object.ts';

/** Shards that are fetched in parallel. */
const FETCHERS = 4;
/** Local shards that are hashed in parallel, and shards that are hashed ahead of the training. */
const CHECKERS = 2;
const CHECKED_AHEAD = 8;

/**
 * Calls `use` with the shards of the set as local files: in place, or fetched into a temporary folder that is removed
 * afterwards. They are fetched in the order in which they are wanted, while training already reads the first ones. A shard
 * is ready only after its bytes were hashed: `ready` throws InputError when metadata.json says another hash.
 *
 * Throws MachineError when the folder has too little space.
 */
export async function withShardFiles<T>(
  set: RecordSet,
  observer: Observer,
  signal: AbortSignal | undefined,
  use: (files: ShardFiles) => Promise<T>,
): Promise<T> {
  const { store } = set;
  if (store.folder !== undefined) return withCheckedFiles(set, filesOf(store.folder), signal, use);
  const folder = await mkdtemp(join(tmpdir(), 'chirpline-records-'));
  try {
    const bytes = await checkRoom(set, folder);
    const size = formatBytes(bytes);
    observer.say?.(
      `fetching ${set.shards.length} shards (${size}) from ${store.location} while training starts`,
    );
    // Workers don't get the caller's signal: a training that is stopped still writes its checkpoint.
    return await withWorkers<StageTask, void, T>('staging-task', { workers: FETCHERS }, (run) => {
      const { files } = createStaging(set, (task) => run({ ...task, to: folder }), Infinity, signal);
      return use({ ...files, path: (name) => join(folder, name) });
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Hashes each shard once, shortly before the training first reads it. If it were hashed earlier, it might have left the page
 * cache by then and would be read from the disk twice.
 */
async function withCheckedFiles<T>(
  set: RecordSet,
  { path }: ShardFiles,
  signal: AbortSignal | undefined,
  use: (files: ShardFiles) => Promise<T>,
): Promise<T> {
  // A single file was hashed when its records were counted.
  if (set.metadata === undefined) return use(filesOf({ path }));
  return withWorkers<StageTask, void, T>('staging-task', { workers: CHECKERS }, async (run) => {
    const { files, settled } = createStaging(set, run, CHECKED_AHEAD, signal);
    try {
      return await use({ ...files, path });
    } finally {
      await settled();
    }
  });
}

async function checkRoom({ store, shards }: RecordSet, folder: string): Promise<number> {
  const bytes = shards.reduce((sum, { bytes }) => sum + bytes, 0);
  const free = await freeSpace(folder);
  if (free > bytes) return bytes;
  throw new MachineError(
    `${tmpdir()}: ${formatBytes(free)} are free, but the shards of ${store.location} need ${formatBytes(bytes)}. Set TMPDIR to a folder on another disk; for a job in AWS Batch, raise the stage's setting jobDisk`,
  );
}

/** `ahead`: number of shards to start in advance. */
function createStaging(
  { store, shards }: RecordSet,
  run: (task: StageTask) => Promise<void>,
  ahead: number,
  signal: AbortSignal | undefined,
): { files: Omit<ShardFiles, 'path'>; settled: () => Promise<unknown> } {
  const hashes = new Map(shards.map(({ name, sha256 }) => [name, sha256]));
  const started = new Map<string, Promise<void>>();
  let order: readonly string[] = [];
  const stopped = new Promise<never>((_, reject) => {
    const stop = () => reject(new StoppedError('stopped while waiting for a shard'));
    if (signal?.aborted) stop();
    else signal?.addEventListener('abort', stop, { once: true });
  });
  stopped.catch(() => {});

  function stage(key: string): Promise<void> {
    const known = started.get(key);
    if (known !== undefined) return known;
    const sha256 = hashes.get(key);
    const staged = run({ from: store.location, key, ...(sha256 !== undefined && { sha256 }) });
    started.set(key, staged);
    // `ready` passes the error to the caller that needs the shard.
    staged.catch(() => {});
    return staged;
  }

  function stageFrom(place: number): void {
    for (const name of order.slice(place, place + ahead)) void stage(name);
  }

  const files = {
    want: (names: readonly string[]) => {
      order = [...new Set(names)];
      stageFrom(0);
    },
    ready: (name: string) => {
      const staged = stage(name);
      stageFrom(order.indexOf(name) + 1);
      return Promise.race([staged, stopped]);
    },
  };
  return { files, settled: () => Promise.allSettled(started.values()) };
}
