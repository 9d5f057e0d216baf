import type { LocalFolder } from '../storage/store.ts';

/** The shards of a dataset as files of this machine, which TensorFlow reads. */
export interface ShardFiles {
  /** Where the shard lies, once it is there. */
  path(name: string): string;
  /** Says in which order shards will be needed. */
  want(names: readonly string[]): void;
  /** Resolves when the shard is there. Throws what kept it from coming. */
  ready(name: string): Promise<void>;
}

/** Those of a folder. */
export function filesOf(folder: LocalFolder): ShardFiles {
  return { path: (name) => folder.path(name), want: () => {}, ready: async () => {} };
}
