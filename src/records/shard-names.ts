/** Names of shards. */

/** Prefix of the names of a run's own shards. */
const SHARD_PREFIX = 'train-';

/** Name of shard `index` (from 0) of `total`: `train-00000-of-00547.tfrecord`. */
export function shardName(index: number, total: number): string {
  return `${SHARD_PREFIX}${String(index).padStart(5, '0')}-of-${String(total).padStart(5, '0')}.tfrecord`;
}

/** Name of a shard that is added to a finished run; `hash` is the hex hash of its inputs. */
export function addedShardName(hash: string): string {
  return `added-${hash.slice(0, 16)}.tfrecord`;
}

export function isAddedShardName(name: string): boolean {
  return /^added-[0-9a-f]{16}\.tfrecord$/.test(name);
}
