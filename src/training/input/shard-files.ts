import type { LocalFolder } from '../../storage/store.ts';

/** The shards of a dataset as files of this machine, which TensorFlow reads. */
export interface ShardFiles {
  /** Where the shard lies, once it is there. */
  path(name: string): string;
  /** Says in which order shards will be needed. */
  want(names: readonly string[]): void;
  /** Resolves when the shard is there and its bytes are the right ones. Throws what kept it from coming. */
  ready(name: string): Promise<void>;
}

/** Those of a folder, as they are. */
export function filesOf(folder: Pick<LocalFolder, 'path'>): ShardFiles {
  return { path: (name) => folder.path(name), want: () => {}, ready: async () => {} };
}
