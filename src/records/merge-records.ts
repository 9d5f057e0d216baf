import type { RecordDType } from './record-dtype.ts';
import { createShardBuilder, readShard } from './shard.ts';

export interface Shard {
  /** For messages. */
  object: string;
  bytes: Uint8Array;
  /** Records that it must hold. */
  records: number;
}

/**
 * The bytes of one TFRecord file with the records of all shards, in order, a shard at a time: a TFRecord file has no
 * header, so that it is the shards one after another. Every record is checked on the way (InputError).
 *
 * Readers of the reference's `train.tfrecord` decode float32. Float16 becomes float32 without loss.
 */
export async function* mergeShards(
  shards: AsyncIterable<Shard> | Iterable<Shard>,
  dtype: RecordDType,
): AsyncGenerator<Uint8Array> {
  for await (const shard of shards) yield recodeShard(shard, dtype);
}

function recodeShard({ object, bytes, records }: Shard, dtype: RecordDType): Uint8Array {
  let asItIs = true;
  for (const record of readShard(bytes, object, records)) asItIs &&= record.dtype === dtype;
  if (asItIs) return bytes;
  const builder = createShardBuilder(dtype, records);
  for (const { id, label, signal } of readShard(bytes, object, records)) builder.add(id, label, signal);
  return builder.finish();
}
