import type { LocalFolder } from '../../storage/store.ts';

/** The shards of a dataset as local files, which TensorFlow reads. */
export interface ShardFiles {
  /** Path of the shard, valid once it is ready. */
  path(name: string): string;
  /** Announces the order in which shards will be needed. */
  want(names: readonly string[]): void;
  /** Resolves when the file exists and its hash is right. Throws the error that prevented this. */
  ready(name: string): Promise<void>;
}

/** The shards of a folder, unchecked. */
export function filesOf(folder: Pick<LocalFolder, 'path'>): ShardFiles {
  return { path: (name) => folder.path(name), want: () => {}, ready: async () => {} };
}
