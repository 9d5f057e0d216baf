import type { RecordDType } from './record-dtype.ts';
import { createShardBuilder, readShard } from './shard.ts';

export interface Shard {
  /** Name for messages. */
  object: string;
  bytes: Uint8Array;
  /** Number of records that the shard must hold. */
  records: number;
}

/**
 * The bytes of one TFRecord file with the records of all shards in order, yielded one shard at a time. TFRecord files have
 * no header, so they can be concatenated. Every record is checked on the way; throws InputError.
 *
 * Readers of the reference's `train.tfrecord` expect float32. Converting float16 to float32 is lossless.
 */
export async function* mergeShards(
  shards: AsyncIterable<Shard> | Iterable<Shard>,
  dtype: RecordDType,
): AsyncGenerator<Uint8Array> {
  for await (const shard of shards) yield recodeShard(shard, dtype);
}

function recodeShard({ object, bytes, records }: Shard, dtype: RecordDType): Uint8Array {
  let unchanged = true;
  for (const record of readShard(bytes, object, records)) unchanged &&= record.dtype === dtype;
  if (unchanged) return bytes;
  const builder = createShardBuilder(dtype, records);
  for (const { id, label, signal } of readShard(bytes, object, records)) builder.add(id, label, signal);
  return builder.finish();
}
